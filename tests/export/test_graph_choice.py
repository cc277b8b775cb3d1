"""The choice of the served graph."""

from __future__ import annotations

from glossator.export.graph_choice import choose_graph
from glossator.service.bundle.manifest import Parity, Scheme


def parity(scheme: Scheme, *, non_inferior: bool, excluded: tuple[str, ...] = ()) -> Parity:
    return Parity(
        scheme=scheme,
        excluded=list(excluded),
        rows=500,
        max_logit_difference=0.1,
        decision_flips=3,
        metric="accuracy",
        reference_value=0.93,
        graph_value=0.929,
        non_inferior=non_inferior,
        margin=0.009,
        texts_per_second=100.0,
    )


def test_the_last_graph_is_served_if_it_is_non_inferior() -> None:
    compared = [
        parity("fp32", non_inferior=True),
        parity("static", non_inferior=False),
        parity("row", non_inferior=True),
    ]
    served = choose_graph(compared, None)
    assert (served.precision, served.scheme, served.graph) == ("int8", "row", "onnx/model_quantized.onnx")
    assert "static" in served.reason
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
    assert served.reason.index("static accuracy") < served.reason.index("layer.0.down") < served.reason.index("block")


def test_a_requested_precision_is_served() -> None:
    assert (
        choose_graph([parity("fp32", non_inferior=True), parity("static", non_inferior=False)], "int8").scheme
        == "static"
    )
    assert choose_graph([parity("fp32", non_inferior=True)], "fp32").scheme == "fp32"
