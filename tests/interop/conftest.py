"""The same bundle opened by Glossator, and by transformers and ONNX Runtime without our code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import glossator
from glossator.export.exporter import export
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Precision
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.pipeline import Answer, InlineExecutor, Pipeline
from glossator.service.inference.runtime.session import Session
from glossator.service.tasks.text_classification import Classification

GRAPHS = {"fp32": "onnx/model.onnx", "q8": "onnx/model_quantized.onnx"}  # the names of transformers.js

TEXTS = [
    "where is my parcel",
    "Still waiting for the BOX, regards",
    "courier did not come since monday",
    "refund not received: order 1234",
    "it is urgent, money is missing!",
    "  i want my\n\tmoney back  ",
    "cannot log in 😀",
    "my account is locked… hello",
    "Pässwörd reset fails again",
    "the login page is broken since monday. it is urgent. why?",
]
"""Short enough for one window: other tools cut off longer texts."""


class TransformersBundle:
    """A bundle opened by transformers and ONNX Runtime, from `config.json`, the tokenizer and one graph."""

    def __init__(self, folder: Path, graph: str) -> None:
        import onnxruntime
        from transformers import AutoConfig, AutoTokenizer

        self.config: Any = AutoConfig.from_pretrained(folder)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.x64quantprecision", "1")
        self.session = onnxruntime.InferenceSession(folder / graph, options, providers=["CPUExecutionProvider"])

    def first_output(self, text: str, second: str | None = None) -> NDArray[np.float32]:
        """Return the logits of one text or pair, `(labels,)` or for tags `(seq, labels)`, or its vector."""
        encoded = self.tokenizer(text, second, truncation=True, return_tensors="np")
        feeds = {item.name: encoded[item.name].astype(np.int64) for item in self.session.get_inputs()}
        return np.asarray(self.session.run(None, feeds)[0][0])

    def scores(self, text: str, *, temperature: float = 1.0) -> dict[str, float]:
        """Return the probability of each label, by the `problem_type` of `config.json`."""
        exponentials = np.exp(self.first_output(text).astype(np.float64) / temperature)
        single = self.config.problem_type == "single_label_classification"
        values = exponentials / exponentials.sum() if single else exponentials / (1 + exponentials)
        return {self.config.id2label[index]: float(value) for index, value in enumerate(values)}


class GlossatorBundle:
    """The same bundle and graph, opened by Glossator."""

    def __init__(self, folder: Path, graph: str) -> None:
        model = glossator.load(folder)
        self._pipeline = model.pipeline
        if model.bundle.manifest.served.graph != graph:  # load() opens only the served graph
            session = Session(folder / graph, pad_token_id=model.task.encoding.pad_token_id)
            encoder = Encoder(folder / file_names.TOKENIZER, model.task.encoding)
            self._pipeline = Pipeline(encoder, InlineExecutor(session.run), model.task)

    def predict(self, text: str, *, threshold: float | None = None) -> Classification:
        """Return the answer to one text, alone in its batch."""
        (answer,) = self._pipeline.predict([text], threshold=threshold)
        assert isinstance(answer, Answer)
        return answer.prediction

    def labels(self, text: str) -> set[str]:
        """Return the labels without tuned thresholds, as `config.json` has none: probability 0.5 for multi-label."""
        multi_label = self._pipeline.task.problem_type == "multi_label_classification"
        return set(self.predict(text, threshold=0.5 if multi_label else None).labels)


@pytest.fixture(params=["single_label_classification", "multi_label_classification"])
def problem_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=GRAPHS)
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def graph(dtype: str) -> str:
    """The file name of the graph with this type."""
    return GRAPHS[dtype]


@pytest.fixture
def texts() -> list[str]:
    return TEXTS


@pytest.fixture(scope="session")
def bundle_with(
    tiny_checkpoint: Callable[[str], Path],
    task_checkpoint: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Precision], Path]:
    """Exports the tiny checkpoint of a problem type or a task in a precision, whatever is faster on this machine."""
    made: dict[tuple[str, Precision], Path] = {}

    def make(kind: str, precision: Precision) -> Path:
        if (kind, precision) not in made:
            checkpoint = (tiny_checkpoint if kind.endswith("_classification") else task_checkpoint)(kind)
            output = tmp_path_factory.mktemp("bundles") / f"{kind}-{precision}"
            made[kind, precision] = export(checkpoint, output, precision=precision).output
        return made[kind, precision]

    return make


@pytest.fixture(scope="session")
def fp32_bundle(bundle_with: Callable[[str, Precision], Path]) -> Callable[[str], Path]:
    """Exports the tiny checkpoint of a problem type or a task in fp32."""
    return lambda kind: bundle_with(kind, "fp32")


@pytest.fixture
def bundle(bundle_with: Callable[[str, Precision], Path], problem_type: str) -> Path:
    """The folder of a tiny bundle, with both graphs."""
    return bundle_with(problem_type, "int8")


@pytest.fixture
def theirs(bundle: Path, graph: str) -> TransformersBundle:
    return TransformersBundle(bundle, graph)


@pytest.fixture
def ours(bundle: Path, graph: str) -> GlossatorBundle:
    return GlossatorBundle(bundle, graph)


@pytest.fixture
def decide(problem_type: str) -> Callable[[dict[str, float]], set[str]]:
    """Returns a function from scores to labels, as any tool decides: the best label, or each with probability 0.5."""

    def labels(scores: dict[str, float]) -> set[str]:
        if problem_type == "single_label_classification":
            return {max(scores, key=lambda label: scores[label])}
        return {label for label, score in scores.items() if score >= 0.5}

    return labels
