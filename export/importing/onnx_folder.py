"""ONNX files in a folder of the layouts of optimum and of onnx-community (`onnx/model.onnx`): finds and loads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from glossator.export.importing.recognition import Recognised
from glossator.export.onnx_source.onnx_model import OnnxModel, load_onnx_model
from glossator.service.errors import ConfigError

USUAL = ("onnx/model.onnx", "model.onnx")
"""Where exporters write the fp32 graph, relative to the folder of the model."""
_EXTERNAL = ("{}_data*", "{}.data*")
"""Patterns of the files with the weights of a large graph, as exporters name them."""


@dataclass(frozen=True, slots=True)
class OnnxFiles:
    """The fp32 graph of a model, and its int8 graph if it is to be used."""

    graph: Path
    int8: Path | None = None

    @property
    def all(self) -> list[Path]:
        """The graphs."""
        return [self.graph, *([] if self.int8 is None else [self.int8])]


@dataclass(frozen=True, slots=True)
class OnnxChoice:
    """What the user says: the fp32 graph, and the model's own int8 graph, as paths inside the folder.

    With either of them, the graph is the source of the bundle even if there are weights.
    """

    graph: str | None = None
    int8: str | None = None

    def __bool__(self) -> bool:
        return self.graph is not None or self.int8 is not None

    def find(self, folder: Path) -> OnnxFiles | None:
        """Return the ONNX files of a folder; None if its weights are the source, or if it has no ONNX file.

        Raises ConfigError if a file that the user named does not exist, or if there are several graphs.
        """
        names = [path.relative_to(folder).as_posix() for path in folder.glob("**/*.onnx")]
        graph, int8 = self.names(names, has_weights=_has_weights(folder))
        if graph is None:
            return None
        for name in (graph, int8):
            path = PurePosixPath(name or graph)
            if path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
                raise ConfigError(
                    "the model has no such ONNX file",
                    found=path,
                    expected=f"a path inside {folder}: {', '.join(sorted(names)) or 'it has no ONNX file'}",
                )
        return OnnxFiles(folder / graph, None if int8 is None else folder / int8)

    def names(self, names: Iterable[str], *, has_weights: bool) -> tuple[str | None, str | None]:
        """Return the names of the fp32 graph and the int8 graph among the ONNX files of a model.

        Raises ConfigError if there are several graphs, and none has the usual name.
        """
        if not self and has_weights:
            return None, None
        found = sorted({name for name in names if name.endswith(".onnx") and name != self.int8})
        usual = [name for name in USUAL if name in found]
        if self.graph is None and not usual and len(found) > 1:
            raise ConfigError(
                "this model has several ONNX graphs",
                found=", ".join(found),
                expected=" or ".join(USUAL),
                hint="--onnx names the fp32 graph.",
            )
        graph = self.graph or next(iter(usual or found), None)
        return graph or (USUAL[0] if self else None), self.int8


def download_patterns(*graphs: str | None) -> list[str]:
    """Return the patterns of all files of the graphs, for the client of the hub."""
    return [
        pattern
        for graph in graphs
        if graph is not None
        for pattern in (graph, *(external.format(graph) for external in _EXTERNAL))
    ]


def open_onnx_model(
    folder: Path, files: OnnxFiles, recognised: Recognised, scratch: Path
) -> tuple[OnnxModel, Recognised]:
    """Load the graphs of a model; return it, and what is recognised with what the graph says.

    Args:
        folder: The folder with `config.json`.
        files: The graphs.
        recognised: What the other files say.
        scratch: A folder for the graphs with all weights inside.

    Raises ConfigError if a graph cannot be used for the task.
    """
    model = load_onnx_model(folder, files.graph, files.int8, recognised.task, scratch)
    name = files.graph.relative_to(folder).as_posix() if files.graph.is_relative_to(folder) else files.graph.name
    evidence = [*recognised.evidence, f"{name}: {model.signature.evidence}"]
    if recognised.task != "text-embedding":
        return model, replace(recognised, evidence=evidence)
    _check_modules(recognised, pooled=model.signature.pooled)
    if recognised.sentence is None and model.signature.pooled:  # nothing but the graph says how vectors are made
        unit = model.unit_vectors
        evidence = [
            *recognised.evidence[:1],
            *evidence[-1:],
            f"its vectors {'have' if unit else 'do not have'} length 1",
        ]
        return model, replace(recognised, normalized=unit, evidence=evidence)
    sentence = recognised.sentence
    if sentence is not None:  # the graph computes the other steps
        sentence = replace(sentence, steps=[step for step in sentence.steps if step.kind == "normalize"])
    return model, replace(recognised, sentence=sentence, evidence=evidence)


def _check_modules(recognised: Recognised, *, pooled: bool) -> None:
    """Raise ConfigError if sentence-transformers computes more than the graph does and than poolings."""
    sentence = recognised.sentence
    if sentence is None:
        return
    found = [] if pooled else [str(step) for step in sentence.steps if step.kind != "normalize"]
    if sentence.is_static:
        found.append("static token vectors")
    if sentence.skips_prompt and recognised.prompt:
        found.append("a pooling without the prompt")
    if found:
        raise ConfigError(
            "the ONNX graph lacks what sentence-transformers computes after it",
            found=", ".join(found),
            expected="an output sentence_embedding, or no modules but Pooling and Normalize",
            hint="Import the folder with its PyTorch weights.",
        )


def _has_weights(folder: Path) -> bool:
    """Return whether a folder, or a module inside it, has weights of PyTorch."""
    patterns: Sequence[str] = ("*.safetensors", "*/*.safetensors", "pytorch_model*.bin", "*/pytorch_model*.bin")
    return any(True for pattern in patterns for _ in folder.glob(pattern))
