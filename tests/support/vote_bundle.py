"""A real bundle on disk, small enough to check by hand: a table of words that vote for labels, and their mean.

A text's logit for a label is the sum of its words' votes over its tokens, `[CLS]` and `[SEP]` included: "money money"
gives `refund` (4 + 4) / 4 = 2 and the others 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from glossator.service.bundle import file_names
from glossator.service.bundle.golden import GoldenRow, dump_golden
from glossator.service.bundle.manifest import Estimate, EvaluationRecord, Manifest, Served, Verification
from glossator.service.bundle.reference import Histogram, Reference
from glossator.service.bundle.task import (
    Calibration,
    Encoding,
    ProblemType,
    Provenance,
    Task,
    TextClassification,
    TextEmbedding,
)
from glossator.service.bundle.writer import list_files, write_manifest
from glossator.service.errors import InputError
from glossator.service.files.atomic_folder import atomic_folder
from glossator.service.inference.encoding import Encoder
from glossator.service.inference.pipeline import InlineExecutor, Pipeline
from glossator.service.inference.runtime.session import Session
from glossator.service.tasks.options import DEFAULTS

LABELS = ["refund", "delivery", "praise", "greeting", "complaint", "other"]
VOTES = {"money": "refund", "parcel": "delivery", "thanks": "praise", "the": None}
VOTE = 4.0
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
GOLDEN_TEXTS = {"one": "money", "two": "Parcel thanks!", "long": "the parcel " * 20, "unknown": "🙂", "empty": " "}


def vote_bundle(
    path: Path, problem_type: ProblemType, *, ballast: int = 0, labels: Sequence[str] | None = None
) -> Path:
    """A whole bundle, written the way export writes one. With `ballast`, each token also goes through a matrix of that
    many rows and columns, whose outcome counts nothing: it takes time as an encoder does. With `labels`, the bundle has
    these labels and random votes."""
    multi_label = problem_type == "multi_label_classification"
    names = list(labels or LABELS)
    task = TextClassification(
        problem_type=problem_type,
        labels=names,
        encoding=Encoding(max_length=16, stride=4),
        calibration=Calibration(thresholds=[0.6, 0.7, 0.8, *[0.9] * (len(names) - 3)] if multi_label else None),
        provenance=_provenance(),
    )
    votes = _votes() if labels is None else _random_votes(len(labels))
    config = {"id2label": dict(enumerate(names)), "problem_type": problem_type}
    return _write(path, task, _graph(votes, ballast, "logits"), config)


def vector_bundle(path: Path, *, dimension: int = 384) -> Path:
    """A whole bundle whose vectors are the mean of random vectors of the words."""
    encoding = Encoding(max_length=16, stride=4)
    task = TextEmbedding(dimension=dimension, normalized=False, encoding=encoding, provenance=_provenance())
    return _write(path, task, _graph(_random_votes(dimension), 0, "embedding"), {})


def _provenance() -> Provenance:
    return Provenance(
        corpus_fingerprint="0" * 64,
        corpus_rows=10,
        base_model="table-of-votes",
        base_revision="1" * 64,
        algorithm="votes",
        config={"votes": 4.0},
        seed=13,
        code_version="0.1.0",
        packages={"onnx": onnx.__version__},
        created="2026-01-02T03:04:05Z",
    )


def _write(path: Path, task: Task, graph: onnx.ModelProto, config: dict[str, object]) -> Path:
    with atomic_folder(path) as root:
        (root / "onnx").mkdir()
        _tokenizer().save(str(root / file_names.TOKENIZER))
        onnx.save(graph, root / file_names.GRAPH_FP32)
        (root / file_names.CONFIG).write_text(json.dumps(config))
        (root / file_names.CARD).write_text("# A table of votes\n")
        golden = _golden(root, task)
        (root / file_names.GOLDEN).write_bytes(dump_golden(golden))
        (root / file_names.REFERENCE).write_text(_reference(task).model_dump_json())
        manifest = Manifest(
            name=path.name,
            task=task,
            served=Served(
                graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason="there is no other graph"
            ),
            files=list_files(root),
            evaluation=[
                EvaluationRecord(
                    split="test",
                    rows=10,
                    precision="fp32",
                    metrics={"accuracy": Estimate(value=0.9, low=0.8, high=1.0)},
                )
            ],
            verification=Verification(parity=[], golden_rows=len(golden), tolerance=1e-4, batch_difference=0.0),
        )
        write_manifest(root, manifest)
    return path


def _tokenizer() -> Tokenizer:
    words = [*SPECIAL, *VOTES, "!"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def _votes() -> NDArray[np.float32]:
    """The votes of each token `(vocabulary, labels)`."""
    votes = np.zeros((len(SPECIAL) + len(VOTES) + 1, len(LABELS)), dtype=np.float32)
    for row, label in enumerate(VOTES.values(), start=len(SPECIAL)):
        if label is not None:
            votes[row, LABELS.index(label)] = VOTE
    return votes


def _random_votes(columns: int) -> NDArray[np.float32]:
    """Votes that differ for each token: `(vocabulary, columns)`."""
    rows = len(SPECIAL) + len(VOTES) + 1
    return np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)


def _graph(votes: NDArray[np.float32], ballast: int, output: str) -> onnx.ModelProto:
    """`output = sum over tokens of votes[input_ids] * mask / sum of mask`."""
    nodes = [
        helper.make_node("Gather", ["votes", "input_ids"], ["table_votes" if ballast else "token_votes"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last_axis"], ["mask_column"]),  # (batch, seq, 1)
        helper.make_node("Mul", ["token_votes", "mask_column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "token_axis"], ["total"], keepdims=0),  # (batch, labels)
        helper.make_node("ReduceSum", ["mask_column", "token_axis"], ["tokens"], keepdims=0),  # (batch, 1)
        helper.make_node("Div", ["total", "tokens"], [output]),
    ]
    tensors = [
        numpy_helper.from_array(votes, "votes"),
        numpy_helper.from_array(np.array([2], dtype=np.int64), "last_axis"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "token_axis"),
    ]
    if ballast:
        nodes[1:1] = [
            helper.make_node("Gather", ["ballast_rows", "input_ids"], ["ballast_tokens"]),  # (batch, seq, ballast)
            helper.make_node("MatMul", ["ballast_tokens", "ballast"], ["heavy"]),
            helper.make_node("ReduceMean", ["heavy"], ["nothing"], axes=[2], keepdims=1),  # (batch, seq, 1), zeros
            helper.make_node("Add", ["table_votes", "nothing"], ["token_votes"]),  # (batch, seq, labels)
        ]
        tensors += [
            numpy_helper.from_array(np.ones((len(votes), ballast), dtype=np.float32), "ballast_rows"),
            numpy_helper.from_array(np.zeros((ballast, ballast), dtype=np.float32), "ballast"),
        ]
    shape = ["batch", "seq"]
    graph = helper.make_graph(
        nodes,
        "votes",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", votes.shape[1]])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _golden(root: Path, task: Task) -> list[GoldenRow]:
    run = Session(root / file_names.GRAPH_FP32).run
    pipeline = Pipeline(Encoder(root / file_names.TOKENIZER, task.encoding), InlineExecutor(run), task)
    rows = []
    for name, text in GOLDEN_TEXTS.items():
        (encoded,) = pipeline.encode([text])
        if isinstance(encoded, InputError):
            rows.append(GoldenRow(name=name, text=text, error=encoded.code))
            continue
        (logits,) = pipeline.pooled_outputs([encoded])
        labels, score = pipeline.decoder.summary(pipeline.decoder.decode([encoded], [logits], DEFAULTS)[0])
        rows.append(
            GoldenRow(
                name=name,
                text=text,
                labels=labels,
                score=score,
                logits=tuple(logits.tolist()),
                tokens=encoded.tokens,
                windows=len(encoded.windows),
            )
        )
    return rows


def _reference(task: Task) -> Reference:
    histogram = Histogram(edges=[0.0, 1.0], counts=[10])
    return Reference(rows=10, label_counts=dict.fromkeys(task.labels, 3), tokens=histogram, confidence=histogram)
