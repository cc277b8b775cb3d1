"""The choice of the served graph."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from glossator.evaluation.statistics.noninferiority import paired_proportions_interval
from glossator.export.graph_choice import choose_graph
from glossator.export.parity import showable_loss
from glossator.service.bundle.manifest import Parity, Scheme


def parity(
    scheme: Scheme,
    *,
    non_inferior: bool,
    excluded: tuple[str, ...] = (),
    showable: float = 0.004,
    low: float = -0.016,
    rows: int = 5_000,
    loss: float = 0.01,
    speed_ratio: float | None = None,
) -> Parity:
    return Parity(
        scheme=scheme,
        excluded=list(excluded),
        rows=rows,
        max_logit_difference=0.1,
        decision_flips=3,
        metric="accuracy",
        reference_value=0.93,
        graph_value=0.93 - loss,
        non_inferior=non_inferior,
        margin=0.005,
        showable=showable,
        low=low,
        texts_per_second=100.0,
        speed_ratio=speed_ratio,
    )


def few_rows(scheme: Scheme, *, lost: int) -> Parity:
    """A comparison on 114 rows, which can show a loss of 3.06 points at best."""
    low = paired_proportions_interval(0, lost, 114)[0]
    return parity(scheme, non_inferior=False, showable=showable_loss(114), low=low, rows=114, loss=lost / 114)


def test_the_last_graph_is_served_if_it_is_non_inferior() -> None:
    compared = [
        parity("fp32", non_inferior=True),
        parity("static", non_inferior=False),
        parity("row", non_inferior=True),
    ]
    served = choose_graph(compared, None)
    assert (served.precision, served.scheme, served.graph) == ("int8", "row", "onnx/model_quantized.onnx")
    assert served.loss_shown is True
    assert served.reason.startswith("shown to lose at most 0.50 points, with 95 % confidence: int8 row accuracy 0.9200")
    assert "; rejected, because it loses 1.00 points on these rows: int8 static" in served.reason
    assert "3 decisions differ" in served.reason


def test_fp32_is_served_if_no_int8_graph_is_non_inferior() -> None:
    compared = [
        parity("fp32", non_inferior=True),
        parity("static", non_inferior=False),
        parity("static", non_inferior=False, excluded=("layer.0.down",)),
        parity("block", non_inferior=False),
    ]
    served = choose_graph(compared, None)
    assert (served.precision, served.scheme, served.graph) == ("fp32", "fp32", "onnx/model.onnx")
    assert served.loss_shown is None
    assert served.reason.index("static accuracy") < served.reason.index("layer.0.down") < served.reason.index("block")


def test_with_too_few_rows_the_reason_says_that_nothing_was_shown() -> None:
    served = choose_graph([parity("fp32", non_inferior=True), few_rows("static", lost=1)], None)
    assert (served.precision, served.loss_shown) == ("int8", False)
    assert served.reason.startswith(
        "not enough validation rows to show a loss of at most 0.50 points (114 rows can show 3.06); served because it "
        "loses 0.88 points on these rows: int8 static"
    )
    assert "non-inferior" not in served.reason


def test_with_too_few_rows_a_graph_with_a_large_loss_is_rejected() -> None:
    served = choose_graph([parity("fp32", non_inferior=True), few_rows("static", lost=2)], None)
    assert served.precision == "fp32"


def test_a_small_loss_that_more_rows_do_not_show_is_served_and_said() -> None:
    served = choose_graph([parity("fp32", non_inferior=True), parity("static", non_inferior=False, loss=0.004)], None)
    assert (served.precision, served.loss_shown) == ("int8", False)
    assert served.reason.startswith(
        "not shown to lose at most 0.50 points; served because it loses 0.40 points on these rows: int8 static"
    )
    assert served.reason.endswith("Hint: --max-loss sets a loss that must be shown")


@pytest.mark.parametrize("rows", [300, 500, 1_000, 2_000, 5_000])
def test_chance_rejects_few_good_graphs_and_serves_few_bad_ones(rows: int) -> None:
    """1 % of the decisions differ: for a graph as good as fp32 in both directions equally, for a bad one in one alone.

    The bad graph loses 2 points more. Probabilities are those of the binomial distribution, without simulation.
    """
    showable, flips = showable_loss(rows), round(0.01 * rows)

    def served(gained: int, lost: int) -> bool:
        found = parity(
            "static", non_inferior=False, rows=rows, showable=showable, loss=max(0.0, (lost - gained) / rows)
        )
        return choose_graph([parity("fp32", non_inferior=True), found], None).precision == "int8"

    good = sum(binom.pmf(lost, flips, 0.5) for lost in range(flips + 1) if served(flips - lost, lost))
    bad = sum(binom.pmf(lost, rows, 0.025) for lost in range(rows + 1) if served(flips // 2, lost))
    assert good > 0.8
    assert bad < 0.05


def test_a_given_loss_must_be_shown() -> None:
    compared = [parity("fp32", non_inferior=True), few_rows("static", lost=1)]
    served = choose_graph(compared, None, strict=True)
    assert served.precision == "fp32"
    assert served.reason.startswith("no int8 graph: rejected, because it may lose more than 0.50 points")


def test_a_requested_precision_is_served() -> None:
    compared = [parity("fp32", non_inferior=True), parity("static", non_inferior=False)]
    served = choose_graph(compared, "int8")
    assert (served.scheme, served.loss_shown) == ("static", False)
    assert served.reason.startswith("int8 was requested, although it may lose more than 0.50 points")
    assert choose_graph([parity("fp32", non_inferior=True)], "fp32").scheme == "fp32"


def test_an_int8_graph_that_is_slower_than_fp32_is_served_only_on_request() -> None:
    compared = [parity("fp32", non_inferior=True), parity("block", non_inferior=True, speed_ratio=0.64)]
    served = choose_graph(compared, None)
    assert (served.precision, served.graph, served.loss_shown) == ("fp32", "onnx/model.onnx", None)
    assert served.reason.startswith(
        "no int8 graph: rejected, because it has only 0.64 times the speed of fp32 on this machine: int8 block accuracy"
    )
    assert choose_graph(compared, "int8").scheme == "block"


def test_a_difference_of_speed_that_could_be_noise_rejects_no_graph() -> None:
    compared = [parity("fp32", non_inferior=True), parity("static", non_inferior=True, speed_ratio=0.97)]
    assert choose_graph(compared, None).precision == "int8"
