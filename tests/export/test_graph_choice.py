"""The choice of the served graph."""

from __future__ import annotations

from glossator.export.graph_choice import choose_graph
from glossator.service.bundle.manifest import Parity, Scheme


def parity(
    scheme: Scheme,
    *,
    non_inferior: bool,
    excluded: tuple[str, ...] = (),
    showable: float = 0.004,
    low: float = -0.006,
    rows: int = 5_000,
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
        graph_value=0.929,
        non_inferior=non_inferior,
        margin=0.005,
        showable=showable,
        low=low,
        texts_per_second=100.0,
        speed_ratio=speed_ratio,
    )


def few_rows(scheme: Scheme, *, low: float) -> Parity:
    """A comparison on 114 rows, which can show a loss of 3.06 points at best."""
    return parity(scheme, non_inferior=False, showable=0.0306, low=low, rows=114)


def test_the_last_graph_is_served_if_it_is_non_inferior() -> None:
    compared = [
        parity("fp32", non_inferior=True),
        parity("static", non_inferior=False),
        parity("row", non_inferior=True),
    ]
    served = choose_graph(compared, None)
    assert (served.precision, served.scheme, served.graph) == ("int8", "row", "onnx/model_quantized.onnx")
    assert served.loss_shown is True
    assert served.reason.startswith("shown to lose at most 0.50 points, with 95 % confidence: int8 row accuracy 0.9290")
    assert "; rejected, because it may lose more than 0.50 points: int8 static" in served.reason
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
    served = choose_graph([parity("fp32", non_inferior=True), few_rows("static", low=-0.0234)], None)
    assert (served.precision, served.loss_shown) == ("int8", False)
    assert served.reason.startswith(
        "not enough validation rows to show a loss of at most 0.50 points (114 rows can show 3.06); served because it "
        "loses 0.10 points on these rows: int8 static"
    )
    assert "non-inferior" not in served.reason


def test_with_too_few_rows_a_graph_with_a_large_loss_is_rejected() -> None:
    served = choose_graph([parity("fp32", non_inferior=True), few_rows("static", low=-0.05)], None)
    assert served.precision == "fp32"


def test_a_given_loss_must_be_shown() -> None:
    compared = [parity("fp32", non_inferior=True), few_rows("static", low=-0.0234)]
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
