"""The graph of ModernBERT compared with PyTorch: every head, and texts on both sides of every switch of attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
import transformers
from numpy.typing import NDArray
from task_factory import TASKS, make_task

from glossator.export.graphs.activation_ranges import measure_ranges
from glossator.export.graphs.encoder_graph import product_input_names, write_activation_graph, write_graph
from glossator.export.graphs.encoder_weights import EncoderWeights
from glossator.export.graphs.families.registry import read_encoder
from glossator.export.graphs.graph_builder import Quantization
from glossator.export.graphs.quantization import quantize_blocks, quantize_rows
from glossator.modeling.torch_session import TorchSession
from glossator.service.bundle.task import Task
from glossator.service.inference.runtime.session import Session

AUTO: dict[str, Any] = {
    "text-classification": transformers.AutoModelForSequenceClassification,
    "text-pair": transformers.AutoModelForSequenceClassification,
    "token-classification": transformers.AutoModelForTokenClassification,
    "question-answering": transformers.AutoModelForQuestionAnswering,
    "text-embedding": transformers.AutoModel,
}
LABELS = ["a", "b", "c"]
SHORT = [1, 2, 9, 17, 30]
"""Local attention in one matrix of scores; up to 9 tokens see each other."""
LONG = [1, 40, 128, 129, 200]
"""Local attention in blocks of 32 queries; 128 tokens are the limit."""
PAD = 1


class Case:
    """A tiny ModernBERT with large weights. In 2 of 3 layers, a token sees 8 tokens on each side."""

    def __init__(self, kind: str = "text-classification", *, layers: int = 4, **options: Any) -> None:
        torch.manual_seed(3)
        self.task: Task = make_task(kind, LABELS)
        config = transformers.ModernBertConfig(
            vocab_size=200, hidden_size=32, intermediate_size=48, num_hidden_layers=layers, num_attention_heads=2,
            local_attention=16, max_position_embeddings=2_048, pad_token_id=PAD, bos_token_id=0, cls_token_id=0,
            eos_token_id=2, sep_token_id=2, num_labels=2 if kind == "question-answering" else len(LABELS), **options,
        )  # fmt: skip
        self.model: Any = AUTO[self.task.task].from_config(config, attn_implementation="eager").eval()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim > 1 else 0.1))
        encoding = self.task.encoding.model_copy(update={"pad_token_id": PAD})
        self.task = self.task.model_copy(update={"encoding": encoding})
        weights = read_encoder(self.model, self.task)
        assert weights is not None
        self.weights: EncoderWeights = weights

    def torch(self, windows: list[list[int]]) -> NDArray[np.float32]:
        return concatenate(TorchSession(self.model, self.task).run(windows))

    def run(self, graph: Path, windows: list[list[int]]) -> NDArray[np.float32]:
        return concatenate(Session(graph, pad_token_id=PAD).run(windows))


def texts(lengths: list[int]) -> list[list[int]]:
    generator = np.random.default_rng(4)
    return [generator.integers(2, 200, size=length).tolist() for length in lengths]


def concatenate(outputs: Any) -> NDArray[np.float32]:
    return np.concatenate([np.asarray(output, dtype=np.float32).ravel() for output in outputs])


@pytest.fixture(scope="module", params=TASKS)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.mark.parametrize("lengths", [SHORT, LONG, [3, 9], [10], [200]], ids=str)
def test_fp32_equals_pytorch_for_short_and_long_texts(case: Case, lengths: list[int], tmp_path: Path) -> None:
    write_graph(case.weights, tmp_path / "graph.onnx")
    expected = case.torch(texts(lengths))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(case.run(tmp_path / "graph.onnx", texts(lengths)), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"layers": 5},  # the last layer is local
        {"classifier_pooling": "mean", "classifier_activation": "relu"},
        {"hidden_activation": "silu", "classifier_activation": "silu"},
        {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "classifier_bias": True},
        {"rope_parameters": {
            "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "yarn", "factor": 8.0, "rope_theta": 50.0},
        }},
    ],
    ids=["local last layer", "mean pooling", "silu", "biases", "scaled positions"],
)  # fmt: skip
@pytest.mark.parametrize("lengths", [SHORT, LONG], ids=["short", "long"])
def test_fp32_equals_pytorch_in_every_configuration(
    options: dict[str, Any], lengths: list[int], tmp_path: Path
) -> None:
    case = Case(**options)
    write_graph(case.weights, tmp_path / "graph.onnx")
    found, expected = case.run(tmp_path / "graph.onnx", texts(lengths)), case.torch(texts(lengths))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_global_attention_in_chunks_equals_pytorch(tmp_path: Path) -> None:
    case = Case("token-classification", layers=2)
    write_graph(case.weights, tmp_path / "graph.onnx")
    windows = texts([1_100, 700])
    np.testing.assert_allclose(case.run(tmp_path / "graph.onnx", windows), case.torch(windows), rtol=0, atol=1e-4)


def test_the_last_layer_computes_only_the_first_token_if_the_head_reads_no_other(tmp_path: Path) -> None:
    for pooling, tokens in (("cls", 1), ("mean", 9)):
        case = Case(classifier_pooling=pooling)
        outputs = write_activation_graph(case.weights, tmp_path / "graph.onnx")
        session = ort.InferenceSession(tmp_path / "graph.onnx", providers=["CPUExecutionProvider"])
        ids = np.array(texts([9, 9]))
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        names = ["layer.2.down", "layer.3.context", "layer.3.down"]
        found = session.run([outputs[name].tensor for name in names], feeds)
        assert [each.shape for each in found] == [(9, 2, 48), (tokens, 2, 32), (tokens, 2, 48)]


def test_fp32_uses_only_standard_operators(case: Case, tmp_path: Path) -> None:
    write_graph(case.weights, tmp_path / "graph.onnx")
    assert [item.domain for item in onnx.load(tmp_path / "graph.onnx").opset_import] == [""]


@pytest.mark.parametrize("lengths", [SHORT, LONG], ids=["short", "long"])
def test_int8_is_near_fp32_and_independent_of_the_batch(case: Case, lengths: list[int], tmp_path: Path) -> None:
    windows = texts(lengths)
    ranges = measure_ranges(case.weights, windows, pad_token_id=PAD)
    write_graph(case.weights, tmp_path / "int8.onnx", quantization=Quantization(ranges))
    exact, batched = case.torch(windows), case.run(tmp_path / "int8.onnx", windows)
    assert np.abs(batched - exact).mean() < 0.1 * np.abs(exact).max()
    alone = np.concatenate([case.run(tmp_path / "int8.onnx", [window]) for window in windows])
    assert np.abs(alone - batched).max() < 0.01


@pytest.mark.parametrize("lengths", [SHORT, LONG, [1] * 5], ids=["short", "long", "more texts than tokens"])
def test_int8_without_int8_products_equals_pytorch(case: Case, lengths: list[int], tmp_path: Path) -> None:
    """So that only products differ: int8 graphs have another operator for rotary positions."""
    windows = texts(lengths)
    names = product_input_names(case.weights)
    ranges = measure_ranges(case.weights, windows, pad_token_id=PAD)
    write_graph(case.weights, tmp_path / "none.onnx", quantization=Quantization(ranges, names))
    found = case.run(tmp_path / "none.onnx", windows)
    np.testing.assert_allclose(found, case.torch(windows), rtol=0, atol=1e-4)


def test_the_activation_graph_outputs_every_tensor_that_a_product_reads(case: Case, tmp_path: Path) -> None:
    assert list(write_activation_graph(case.weights, tmp_path / "graph.onnx")) == product_input_names(case.weights)


@pytest.mark.parametrize("quantize", [quantize_rows, quantize_blocks])
def test_other_int8_schemes_accept_graphs_inside_the_graph(quantize: Any, tmp_path: Path) -> None:
    case = Case()
    write_graph(case.weights, tmp_path / "graph.onnx")
    quantize(tmp_path / "graph.onnx", tmp_path / "int8.onnx")
    found, expected = case.run(tmp_path / "int8.onnx", texts(LONG)), case.torch(texts(LONG))
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_depend_on_the_length_are_left_to_pytorch(kind: str) -> None:
    case = Case()
    case.model.model.rotary_emb.rope_type = {"full_attention": "default", "sliding_attention": kind}
    assert read_encoder(case.model, case.task) is None


@pytest.mark.parametrize("option", [{"classifier_activation": "mish"}, {"hidden_activation": "mish"}])
def test_an_unknown_configuration_is_left_to_pytorch(option: dict[str, str]) -> None:
    case = Case()
    for name, value in option.items():
        setattr(case.model.config, name, value)
    assert read_encoder(case.model, case.task) is None
