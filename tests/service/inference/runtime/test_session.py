from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from property_profiles import examples

from glossator.service.bundle import file_names
from glossator.service.errors import BundleInvalid, ConfigError, InferenceError
from glossator.service.inference.runtime.session import Session, pad, providers
from glossator.service.tasks.encoded import PairWindow

LABELS = 3
WINDOWS = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=12), min_size=1, max_size=6)


def make_graph(path: Path, inputs: tuple[str, ...], output: str = "logits", *, failing: bool = False) -> Path:
    """A graph of three logits: the sums over the sequence of each input times one, two and three. With `failing` it
    looks for every token in a table of one."""
    nodes, sums = [], []
    if failing:
        nodes = [helper.make_node("Gather", ["axis", "input_ids"], ["beyond"])]
        inputs = (*inputs, "beyond")
    for name in inputs:
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", [f"{name}_float", "axis"], [f"{name}_sum"], keepdims=1),
        ]
        sums.append(f"{name}_sum")
    nodes += [helper.make_node("Sum", sums, ["sum"]), helper.make_node("Mul", ["sum", "factors"], [output])]
    graph = helper.make_graph(
        nodes,
        "sums",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"])
            for name in inputs
            if name != "beyond"
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", LABELS])],
        [
            numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
            numpy_helper.from_array(np.array([[1, 2, 3]], dtype=np.float32), "factors"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture
def two_inputs(tmp_path: Path) -> Path:
    return make_graph(tmp_path / "two.onnx", ("input_ids", "attention_mask"))


def test_a_row_of_logits_for_each_window_in_order(two_inputs: Path) -> None:
    logits = np.stack(Session(two_inputs).run([[1, 2, 3], [4], [5, 6]]))
    sums = np.array([6 + 3, 4 + 1, 11 + 2])  # ids and mask
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits, sums[:, None] * np.array([1, 2, 3]))


def test_the_padding_is_the_pad_token_and_masked(two_inputs: Path) -> None:
    logits = Session(two_inputs, pad_token_id=100).run([[1, 2, 3], [4]])
    assert [row[0] for row in logits] == [6 + 3, 4 + 200 + 1]


def test_token_type_ids_are_given_where_the_graph_asks_for_them(tmp_path: Path) -> None:
    graph = make_graph(tmp_path / "three.onnx", ("input_ids", "attention_mask", "token_type_ids"))
    session = Session(graph)
    assert session.inputs == ("input_ids", "attention_mask", "token_type_ids")
    assert session.run([[1, 2]])[0][0] == 3 + 2 + 0
    assert session.run([PairWindow([1, 2, 5], 1), [4]])[0][0] == 8 + 3 + 2


@pytest.mark.parametrize(
    "inputs",
    [("input_ids",), ("attention_mask",), ("input_ids", "mask"), ("input_ids", "attention_mask", "position_ids")],
)
def test_wrong_inputs_are_refused_when_the_graph_is_opened(tmp_path: Path, inputs: tuple[str, ...]) -> None:
    with pytest.raises(BundleInvalid, match="wrong inputs") as caught:
        Session(make_graph(tmp_path / "graph.onnx", inputs))
    assert caught.value.found == ", ".join(inputs)


@pytest.mark.parametrize("content", [None, b"", b"not a graph", b"\x08\x09"])
def test_what_onnx_runtime_cannot_open_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    graph = tmp_path / "graph.onnx"
    if content is not None:
        graph.write_bytes(content)
    with pytest.raises(BundleInvalid) as caught:
        Session(graph)
    assert [(fault.name, fault.where) for fault in caught.value.faults] == [("graph-does-not-load", "graph.onnx")]


def test_a_graph_that_fails_says_on_what(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match="2 windows of 3 tokens"):
        Session(make_graph(tmp_path / "g.onnx", ("input_ids", "attention_mask"), "logits", failing=True)).run(
            [[1, 2, 3], [4]]
        )


def test_a_run_stays_on_one_thread_unless_more_are_asked_for(two_inputs: Path) -> None:
    assert Session(two_inputs).threads == 1
    assert Session(two_inputs, threads=3).threads == 3


def test_threads_may_share_a_session(two_inputs: Path) -> None:
    session = Session(two_inputs, threads=1)
    batches = [[[number] * (number % 7 + 1)] for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(session.run, batches))
    for batch, answer in zip(batches, answers, strict=True):
        assert answer[0][0] == sum(batch[0]) + len(batch[0])


@given(windows=WINDOWS, pad_token_id=st.integers(0, 5))
def test_pad_keeps_every_token_in_its_place(windows: list[list[int]], pad_token_id: int) -> None:
    input_ids, attention_mask = pad(windows, pad_token_id)
    longest = max(map(len, windows))
    assert input_ids.dtype == attention_mask.dtype == np.int64
    for ids, mask, window in zip(input_ids.tolist(), attention_mask.tolist(), windows, strict=True):
        missing = longest - len(window)
        assert ids == window + [pad_token_id] * missing
        assert mask == [1] * len(window) + [0] * missing


@pytest.fixture(scope="module")
def fp32(tiny_bundle: Callable[[str], Path]) -> Session:
    return Session(tiny_bundle("single_label_classification") / file_names.GRAPH_FP32, threads=1)


@settings(max_examples=examples(50))
@given(windows=WINDOWS)
def test_padding_and_neighbours_move_no_logit_of_the_fp32_graph(fp32: Session, windows: list[list[int]]) -> None:
    together = np.stack(fp32.run(windows))
    alone = np.stack([fp32.run([window])[0] for window in windows])
    assert together.shape == (len(windows), LABELS)
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)


def test_providers_put_the_device_first_and_the_cpu_behind() -> None:
    both = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers("cuda", both) == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers("cpu", both) == ["CPUExecutionProvider"]


def test_a_device_that_is_not_there_is_refused_not_replaced(two_inputs: Path) -> None:
    with pytest.raises(ConfigError, match="cannot run on cuda") as caught:
        providers("cuda", ["CPUExecutionProvider"])
    assert "onnxruntime-gpu" in (caught.value.hint or "")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        with pytest.raises(ConfigError):
            Session(two_inputs, device="cuda")
