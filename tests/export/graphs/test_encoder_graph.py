"""The fast graph compared with PyTorch in every family, and its int8 form compared with fp32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import numpy_helper
from property_profiles import examples
from task_factory import TASKS, make_task

from glossator.export.graphs.activation_ranges import channel_factors, measure_ranges, random_windows
from glossator.export.graphs.encoder_graph import product_input_names, write_activation_graph, write_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.graphs.graph_builder import Quantization, Range
from glossator.export.graphs.int8_weights import quantize_symmetric
from glossator.export.graphs.torch_to_onnx import convert_to_onnx
from glossator.modeling.checkpoint_reader import load_model
from glossator.modeling.torch_session import TorchSession
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.runtime.session import Session
from glossator.service.tasks.encoded import Floats, PairWindow
from glossator.training.base_model import open_model, resolve_base_model

KNOWN = (
    "bert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta",
)  # fmt: skip
"""Families that differ in their graph, not only in the names of their weights; `families` tests the others."""
LABELS = ["a", "b", "c"]
LENGTHS = [1, 2, 3, 7, 19, 40, 64]


class Case:
    """A tiny model of a family, with weights large enough to reveal errors."""

    def __init__(self, folder: Path, kind: str = "text-classification") -> None:
        torch.manual_seed(11)
        base = resolve_base_model(str(folder))
        self.task = make_task(kind, LABELS)
        model = open_model(base, self.task)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim > 1 else 0.1))
        self.model: Any = model.eval()
        weights = read_encoder(self.model, self.task)
        assert weights is not None
        self.weights: EncoderWeights = weights
        self.pad_token_id = int(self.model.config.pad_token_id)
        generator = np.random.default_rng(4)
        vocabulary = self.model.config.vocab_size
        # The padding id may occur in a text: RoBERTa and MPNet do not count it as a position.
        windows = [generator.integers(0, vocabulary, size=length).tolist() for length in LENGTHS]
        self.windows: list[list[int]] = windows
        if reads_pairs(self.task):
            self.windows = [PairWindow(window, (len(window) + 1) // 2) for window in windows]

    def torch_logits(self) -> NDArray[np.float32]:
        """Return all outputs of PyTorch for all windows, concatenated."""
        task = self.task.model_copy(
            update={"encoding": self.task.encoding.model_copy(update={"pad_token_id": self.pad_token_id})}
        )
        return concatenate(TorchSession(self.model, task).run(self.windows))

    def run(self, graph: Path, windows: Sequence[Sequence[int]] | None = None) -> NDArray[np.float32]:
        """Return all outputs of a graph, concatenated."""
        session = Session(graph, pad_token_id=self.pad_token_id)
        assert session.outputs == list(self.task.outputs)
        return concatenate(session.run(self.windows if windows is None else windows))

    def ranges(self) -> dict[str, Range]:
        return measure_ranges(self.weights, self.windows, pad_token_id=self.pad_token_id)


def concatenate(outputs: Sequence[Floats]) -> NDArray[np.float32]:
    return np.concatenate([np.asarray(output, dtype=np.float32).ravel() for output in outputs])


@pytest.fixture(scope="module", params=[(family, kind) for family in KNOWN for kind in TASKS], ids="-".join)
def case(request: pytest.FixtureRequest, tiny_base: Callable[[str], Path]) -> Case:
    family, kind = request.param
    return Case(tiny_base(family), kind)


def test_fp32_equals_pytorch_in_every_family(case: Case, tmp_path: Path) -> None:
    write_graph(case.weights, tmp_path / "graph.onnx")
    expected = case.torch_logits()
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(case.run(tmp_path / "graph.onnx"), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", TASKS)
def test_fp32_equals_the_graph_that_pytorch_exports(
    tiny_base: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    case = Case(tiny_base("bert"), kind)
    case.model.set_attn_implementation("eager")
    convert_to_onnx(case.model, case.task, tmp_path / "plain.onnx")
    write_graph(case.weights, tmp_path / "graph.onnx")
    plain, fast = (case.run(tmp_path / name) for name in ("plain.onnx", "graph.onnx"))
    np.testing.assert_allclose(fast, plain, rtol=0, atol=2e-5)


def test_fp32_uses_only_standard_operators(case: Case, tmp_path: Path) -> None:
    """So that other tools can run it."""
    write_graph(case.weights, tmp_path / "graph.onnx")
    model = onnx.load(tmp_path / "graph.onnx")
    assert [item.domain for item in model.opset_import] == [""]
    assert {node.domain for node in model.graph.node} == {""}


def test_int8_is_near_fp32_and_independent_of_the_batch(case: Case, tmp_path: Path) -> None:
    write_graph(case.weights, tmp_path / "int8.onnx", quantization=Quantization(case.ranges()))
    exact, batched = case.torch_logits(), case.run(tmp_path / "int8.onnx")
    assert np.abs(batched - exact).mean() < 0.1 * np.abs(exact).max()  # random weights amplify rounding
    session = Session(tmp_path / "int8.onnx", pad_token_id=case.pad_token_id)
    alone = np.concatenate([concatenate(session.run([window])) for window in case.windows])
    assert np.abs(alone - batched).max() < 0.01


def test_int8_keeps_products_of_excluded_tensors_in_fp32(case: Case, tmp_path: Path) -> None:
    names = product_input_names(case.weights)
    ranges = case.ranges()
    write_graph(case.weights, tmp_path / "none.onnx", quantization=Quantization(ranges, names))
    model = onnx.load(tmp_path / "none.onnx")
    assert "MatMulIntegerToFloat" not in {node.op_type for node in model.graph.node}
    np.testing.assert_allclose(case.run(tmp_path / "none.onnx"), case.torch_logits(), rtol=0, atol=2e-5)
    write_graph(case.weights, tmp_path / "one.onnx", quantization=Quantization(ranges, names[1:]))
    operators = [node.op_type for node in onnx.load(tmp_path / "one.onnx").graph.node]
    assert operators.count("QuantizeLinear") == 1


def test_the_activation_graph_outputs_every_tensor_that_a_product_reads(case: Case, tmp_path: Path) -> None:
    outputs = write_activation_graph(case.weights, tmp_path / "activations.onnx")
    assert list(outputs) == product_input_names(case.weights) == list(case.ranges())
    session = ort.InferenceSession(tmp_path / "activations.onnx", providers=["CPUExecutionProvider"])
    assert {each.tensor for each in outputs.values()} < {item.name for item in session.get_outputs()}


def test_a_tensor_is_quantised_once_and_weights_are_int8(tiny_base: Callable[[str], Path], tmp_path: Path) -> None:
    case = Case(tiny_base("bert"))
    write_graph(case.weights, tmp_path / "int8.onnx", quantization=Quantization(case.ranges()))
    model = onnx.load(tmp_path / "int8.onnx")
    operators = [node.op_type for node in model.graph.node]
    # In the last layer, the queries of the first token are a separate tensor.
    assert operators.count("QuantizeLinear") == 4 * len(case.weights.layers) + 1
    assert operators.count("MatMulIntegerToFloat") == 6 * len(case.weights.layers)
    matrices = [numpy_helper.to_array(item) for item in model.graph.initializer]
    hidden = case.weights.layers[0].up.weight.shape
    assert sum(each.shape == hidden and each.dtype == np.int8 for each in matrices) == len(case.weights.layers)
    assert not any(each.shape == hidden and each.dtype == np.float32 for each in matrices)


def test_ranges_are_those_of_all_tokens_without_padding(tiny_base: Callable[[str], Path], tmp_path: Path) -> None:
    """In the last layer too: its queries are those of the first token alone, but keys and values read all tokens."""
    case = Case(tiny_base("bert"))
    inputs = write_activation_graph(case.weights, tmp_path / "activations.onnx")
    session = ort.InferenceSession(tmp_path / "activations.onnx", providers=["CPUExecutionProvider"])
    tokens: dict[str, list[Floats]] = {name: [] for name in inputs}
    for window in case.windows:
        ids = np.array([window])
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        for name, values in zip(inputs, session.run([each.tensor for each in inputs.values()], feeds), strict=True):
            tokens[name] += [values.reshape(-1, values.shape[-1])]
    assert len(np.concatenate(tokens[f"layer.{len(case.weights.layers) - 1}.input"])) == sum(LENGTHS)
    for name, found in case.ranges().items():
        values, weights = np.concatenate(tokens[name]), np.concatenate(inputs[name].weights, axis=1)
        factors = channel_factors(np.abs(values).max(axis=0), np.abs(weights).max(axis=1))
        assert found.factors == pytest.approx(factors, rel=1e-3)
        assert found.low == pytest.approx(min(0.0, (values / factors).min()), rel=1e-3)
        assert found.high == pytest.approx((values / factors).max(), rel=1e-3)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=40))
def test_factors_are_positive_and_near_to_one_on_average(peaks: list[tuple[float, float]]) -> None:
    values, weights = (np.array(each, dtype=np.float32) for each in zip(*peaks, strict=True))
    factors = channel_factors(values, weights)
    assert factors.min() > 0
    assert np.log(factors).mean() == pytest.approx(0, abs=1e-3)


def test_a_channel_with_large_values_does_not_take_the_precision_of_the_others() -> None:
    """The product of a tensor with one large channel, computed in whole numbers as the int8 graph does."""
    generator = np.random.default_rng(3)
    tensor, weight = generator.normal(size=(64, 32)), generator.normal(size=(32, 16))
    tensor[:, 5] *= 100
    errors = []
    for factors in (np.ones(32), channel_factors(np.abs(tensor).max(axis=0), np.abs(weight).max(axis=1))):
        divided = tensor / factors
        low, high = float(divided.min()), float(divided.max())
        scale, zero_point = Range(low, high, tuple(factors)).scale_and_zero_point()
        steps = np.clip(np.rint(divided / scale) + zero_point, 0, 255) - zero_point
        columns, column_scale = quantize_symmetric((weight * factors[:, np.newaxis]).astype(np.float32), axis=0)
        errors.append(float(np.square(steps @ columns * scale * column_scale - tensor @ weight).mean()))
    assert errors[1] < 0.25 * errors[0]


@given(low=st.floats(-100, 0), high=st.floats(0, 100))
def test_a_range_maps_to_all_bytes_and_represents_zero_exactly(low: float, high: float) -> None:
    scale, zero_point = Range(low, high, (1.0,)).scale_and_zero_point()
    steps = np.array([low, 0.0, high]) / float(scale) + float(zero_point)
    assert scale > 0
    assert np.all(steps >= -0.51)
    assert np.all(steps <= 255.51)
    if high - low > 1e-3:
        assert steps[2] - steps[0] == pytest.approx(255, abs=1.0)


@settings(max_examples=examples(30))
@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=20), min_size=1, max_size=300))
def test_random_windows_keep_special_tokens_and_lengths(windows: list[list[int]]) -> None:
    found = random_windows(windows, vocabulary=1_000)
    lengths = sorted(map(len, windows))
    for window in found:
        assert len(window) in lengths
        assert any(len(each) == len(window) and (each[0], each[-1]) == (window[0], window[-1]) for each in windows)
        assert all(0 <= token < 1_000 for token in window[1:-1])
    assert found == random_windows(windows, vocabulary=1_000)


@pytest.mark.parametrize("option", [{"hidden_act": "mish"}, {"is_decoder": True}])
def test_an_unknown_configuration_is_left_to_pytorch(option: dict[str, Any], tiny_base: Callable[[str], Path]) -> None:
    model = open_model(resolve_base_model(str(tiny_base("bert"))), make_task(labels=LABELS))
    assert read_encoder(model, make_task(labels=LABELS)) is not None
    for name, value in option.items():
        setattr(model.config, name, value)
    assert read_encoder(model, make_task(labels=LABELS)) is None


def test_a_trained_checkpoint_is_read(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    model = load_model(tiny_checkpoint("multi_label_classification"), "text-classification")
    weights = read_encoder(model, make_task())
    assert weights is not None
    write_graph(weights, tmp_path / "graph.onnx")
    assert np.shape(Session(tmp_path / "graph.onnx").run([[1, 2], [1, 3, 2]])) == (2, 4)
