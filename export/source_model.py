"""What an export starts from: a PyTorch model, or a graph that another tool exported. The bundle must compute the same.

`open_source` decides by the files of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glossator.export.graphs.encoder_weights import EncoderWeights, PoolingHead
from glossator.export.graphs.families.registry import READERS, read_encoder
from glossator.export.graphs.static_graph import is_static, write_static_graph
from glossator.export.graphs.torch_to_onnx import convert_to_onnx
from glossator.export.onnx_source.onnx_model import SOURCE, SOURCE_INT8, read_config
from glossator.export.onnx_source.recovered_weights import recover_model
from glossator.export.onnx_source.reference_session import ReferenceSession
from glossator.export.onnx_source.surgery import write_adapted
from glossator.modeling.checkpoint_reader import load_model, open_inline_pipeline, open_pipeline
from glossator.service.bundle.manifest import Runtime
from glossator.service.bundle.task import Task, TextEmbedding
from glossator.service.errors import ConfigError
from glossator.service.inference.pipeline import Pipeline

NGRAM_LINEAR = "glossator-ngram-linear"
"""`NgramLinearConfig.model_type`: importing that module imports torch."""
Write = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class SourceModel:
    """The model of a checkpoint.

    `weights`: for Glossator's own graph; None if the family is not known, which `why_slow` says. `write_graph` writes
    the slower graph that PyTorch or the source gives; `write_int8` the source's own int8 graph, if it is to be used.
    """

    runtime: Runtime
    why_slow: str
    vocabulary: int
    pipeline: Pipeline
    weights: EncoderWeights | None
    write_graph: Write
    write_int8: Write | None = None


def open_source(checkpoint: Path, task: Task) -> SourceModel:
    """Open the model of a checkpoint. Raises ConfigError if it cannot be read."""
    if (checkpoint / SOURCE).is_file():
        return _onnx_source(checkpoint, task)
    model = load_model(checkpoint, task.task)
    why_slow, write_graph = _graph_without_weights(model, task)
    return SourceModel(
        runtime="PyTorch",
        why_slow=why_slow,
        vocabulary=model.config.vocab_size,
        pipeline=open_pipeline(model, checkpoint, task),
        weights=read_encoder(model, task),
        write_graph=write_graph,
    )


def add_token_vectors(source: SourceModel, task: Task) -> tuple[SourceModel, TextEmbedding]:
    """Return the source and its task with the vector of each token as a further output.

    Raises ConfigError if the model makes no vectors of texts, or if Glossator does not write its graph.
    """
    head = None if source.weights is None else source.weights.head
    if isinstance(task, TextEmbedding) and isinstance(head, PoolingHead) and source.write_int8 is None:
        assert source.weights is not None
        weights = replace(source.weights, head=replace(head, token_vectors=True))
        size = head.token_width(weights.layers[-1].down.width)
        return replace(source, weights=weights), task.model_copy(update={"token_dimension": size})
    raise ConfigError(
        "this model cannot give the vectors of its tokens",
        found=task.task if not isinstance(task, TextEmbedding) else source.why_slow,
        expected="a model of vectors (text-embedding) of a family with a fast graph, without an int8 graph of its own",
        hint="Leave --token-vectors out. docs/import.md lists the families.",
    )


def _graph_without_weights(model: Any, task: Task) -> tuple[str, Write]:
    """Return what writes the graph of a model that is no encoder of a known family, with a sentence for the user."""
    if model.config.model_type == NGRAM_LINEAR:
        from glossator.export.graphs.ngram_graph import write_ngram_graph

        why = "a linear model on n-grams: a graph of its own, in fp32"
        return why, lambda destination: write_ngram_graph(model, destination)
    if is_static(model):
        return "a table of token vectors: a graph of its own", lambda destination: write_static_graph(
            model, destination
        )
    why = f"no fast graph for the family {model.config.model_type}: using the ONNX export of PyTorch"
    return why, lambda destination: convert_to_onnx(model, task, destination)


def _onnx_source(checkpoint: Path, task: Task) -> SourceModel:
    """Open a graph of another tool; with the weights of a known family, Glossator's own graph can be written."""
    source, int8 = checkpoint / SOURCE, checkpoint / SOURCE_INT8
    config = read_config(checkpoint)
    session = ReferenceSession(source, task)
    known = str(config.model_type) in READERS
    model = recover_model(source, config, task, session) if known else None
    return SourceModel(
        runtime="ONNX Runtime",
        why_slow="no fast graph: the ONNX graph has no weights of a known family, and is used as it is",
        vocabulary=int(getattr(config, "vocab_size", 0) or 0),
        pipeline=open_inline_pipeline(session.run, checkpoint, task),
        weights=None if model is None else read_encoder(model, task),
        write_graph=lambda destination: write_adapted(source, task, destination),
        write_int8=(lambda destination: write_adapted(int8, task, destination)) if int8.is_file() else None,
    )
