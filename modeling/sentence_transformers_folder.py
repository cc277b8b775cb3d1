"""Reads what a folder of sentence-transformers says: its modules, lengths and prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glossator.service.bundle.task import Pooling
from glossator.service.errors import ConfigError

MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"
_COMPLETE = "Copy the whole folder again."

_POOLINGS: dict[str, Pooling] = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weighted_mean",
    "lasttoken": "last",
}
"""Our names of poolings, in the order in which sentence-transformers concatenates those that flags name."""
_FLAGS = {
    f"pooling_mode_{flag}": name
    for flag, name in (
        ("cls_token", "cls"),
        ("max_tokens", "max"),
        ("mean_tokens", "mean"),
        ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
        ("weightedmean_tokens", "weightedmean"),
        ("lasttoken", "lasttoken"),
    )
}
"""The flags of older files."""
_ACTIVATIONS = {
    "Identity": "identity",
    "Tanh": "tanh",
    "ReLU": "relu",
    "GELU": "gelu",
    "Sigmoid": "sigmoid",
    "SiLU": "silu",
}
"""Our names of the activations of PyTorch."""
_TRANSFORMER_SETTINGS = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_OTHER_ENCODERS = {"SparseEncoder": "sparse vectors", "MultiVectorEncoder": "a vector per token"}
VECTOR = "sentence_embedding"


@dataclass(frozen=True, slots=True)
class Step:
    """A layer on the vector of a text: a step of `TextVectorConfig`, and the folder of its weights."""

    fields: Mapping[str, Any]
    path: str = ""

    @property
    def kind(self) -> str:
        """The kind of the step."""
        return str(self.fields["kind"])

    def __str__(self) -> str:
        if self.kind == "dense":
            sizes = f"{self.fields['in_features']} to {self.fields['out_features']}"
            return f"a dense layer from {sizes} ({self.fields['activation']})"
        return {"layer-norm": "layer normalisation", "normalize": "normalized"}.get(
            self.kind, f"the first {self.fields.get('size')} dimensions"
        )


@dataclass(frozen=True, slots=True)
class SentenceFolder:
    """What the modules of a model do.

    `encoder`: the path of the first module inside the folder, often empty. Without poolings, it is a static embedding.
    """

    encoder: str
    poolings: list[Pooling] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    skips_prompt: bool = False
    max_length: int | None = None
    lower_case: bool = False
    prompts: dict[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    similarity: str | None = None

    @property
    def is_static(self) -> bool:
        """Whether the first module is a table of vectors instead of an encoder."""
        return not self.poolings

    @property
    def normalized(self) -> bool:
        """Whether vectors have length 1 after the last step."""
        return bool(self.steps) and self.steps[-1].kind == "normalize"

    @property
    def description(self) -> str:
        """The modules after the encoder, in words."""
        first = "the mean of static token vectors" if self.is_static else f"pooling {' and '.join(self.poolings)}"
        return ", ".join([first, *map(str, self.steps), *([] if self.normalized else ["not normalized"])])


def read_modules(folder: Path) -> SentenceFolder | None:
    """Return what `modules.json` describes.

    None if there is no such file, or if it names an encoder alone: a cross-encoder, which `config.json` describes.

    Raises ConfigError for modules that cannot be imported.
    """
    if not (folder / MODULES).is_file():
        return None
    modules = _json(folder / MODULES)
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise ConfigError(f"{folder / MODULES} is no list of modules", hint=_COMPLETE)
    settings = _optional(folder / SETTINGS)
    made = _OTHER_ENCODERS.get(str(settings.get("model_type")))
    if made is not None:
        raise ConfigError(f"this model makes {made}, which cannot be imported", found=settings["model_type"])
    kinds = [_kind(each) for each in modules]
    if kinds == ["Transformer"]:
        return None
    paths = [_path(folder, each) for each in modules]
    if kinds[:1] == ["StaticEmbedding"]:
        read = SentenceFolder(paths[0])
        rest = 1
    elif kinds[:2] == ["Transformer", "Pooling"]:
        read = _with_transformer(folder, paths[0], paths[1])
        rest = 2
    else:
        raise _unknown(kinds)
    steps = [
        step
        for kind, path in zip(kinds[rest:], paths[rest:], strict=True)
        for step in _steps(kind, folder / path, path, kinds)
    ]
    truncated = _number(settings, "truncate_dim", folder / SETTINGS)
    if truncated is not None:
        steps.append(Step({"kind": "truncate", "size": truncated}))
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict):
        raise ConfigError(f"the prompts in {folder / SETTINGS} have no names", hint=_COMPLETE)
    default, similarity = settings.get("default_prompt_name"), settings.get("similarity_fn_name")
    return SentenceFolder(
        read.encoder,
        read.poolings,
        steps,
        skips_prompt=read.skips_prompt,
        max_length=read.max_length,
        lower_case=read.lower_case,
        prompts={str(name): str(text or "") for name, text in prompts.items()},
        default_prompt=None if default is None else str(default),
        similarity=None if similarity is None else str(similarity),
    )


def read_fields(file: Path) -> dict[str, Any]:
    """Return the fields of a JSON file. Raises ConfigError if it is missing or damaged."""
    found = _json(file)
    if not isinstance(found, dict):
        raise ConfigError(f"{file} is no JSON object", hint=_COMPLETE)
    return found


def _kind(module: Mapping[str, Any]) -> str:
    """Return the class of a module. Raises ConfigError if it is the model's own code."""
    package, _, kind = str(module.get("type", "")).rpartition(".")
    if package.partition(".")[0] not in ("sentence_transformers", ""):
        raise ConfigError(
            "this sentence-transformers model has a module of its own, whose code is not run",
            found=module.get("type"),
            expected="modules of sentence-transformers",
        )
    return kind


def _path(folder: Path, module: Mapping[str, Any]) -> str:
    path = str(module.get("path", ""))
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise ConfigError("a module is outside the folder of the model", found=path, hint=_COMPLETE)
    return "" if path == "." else path


def _with_transformer(folder: Path, encoder: str, pooling: str) -> SentenceFolder:
    """Return what the settings of the encoder and of the pooling say."""
    file = next(
        (folder / encoder / name for name in _TRANSFORMER_SETTINGS if (folder / encoder / name).is_file()), None
    )
    settings = {} if file is None else read_fields(file)
    task, kinds = settings.get("transformer_task", "feature-extraction"), settings.get("modality_config", {"text": {}})
    for wrong, found in (
        (task != "feature-extraction", f"transformer_task {task}"),
        ("text" not in kinds or "message" in kinds, f"it reads {', '.join(kinds)}"),
        (bool(settings.get("query_expansion")), "query_expansion"),
    ):
        if wrong:
            raise ConfigError(
                "this sentence-transformers model reads its inputs in a way that cannot be imported",
                found=found,
                expected="an encoder that reads texts",
            )
    names, include_prompt = _pooling(folder / pooling / "config.json")
    arguments = settings.get("processor_kwargs") or settings.get("tokenizer_args") or {}
    length = _number(settings, "max_seq_length", file) or _number(arguments, "model_max_length", file)
    return SentenceFolder(
        encoder,
        names,
        skips_prompt=not include_prompt,
        max_length=length,
        lower_case=settings.get("do_lower_case") is True,
    )


def _pooling(file: Path) -> tuple[list[Pooling], bool]:
    """Return the poolings, and whether the tokens of a prompt are pooled."""
    fields = read_fields(file)
    modes = fields.get("pooling_mode")
    if modes is None and any(flag in fields for flag in _FLAGS):
        modes = [name for flag, name in _FLAGS.items() if fields.get(flag)] or ["mean"]
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or not modes or not all(str(mode) in _POOLINGS for mode in modes):
        raise ConfigError(
            "the pooling of this sentence-transformers model cannot be imported",
            found=" and ".join(map(str, modes)) if isinstance(modes, list) and modes else "no pooling",
            expected=f"one or more of {', '.join(_POOLINGS)}",
        )
    return [_POOLINGS[mode] for mode in modes], fields.get("include_prompt") is not False


def _steps(kind: str, folder: Path, path: str, kinds: Sequence[str]) -> list[Step]:
    """Return the steps of a module after the pooling: one, or none for a module that only training needs."""
    if kind == "Dropout":
        return []
    if kind not in ("Dense", "LayerNorm", "Normalize"):
        raise _unknown(kinds)
    file = folder / "config.json"
    fields = _optional(file) if kind == "Normalize" else read_fields(file)
    names = {str(fields[key]) for key in ("module_input_name", "module_output_name") if fields.get(key)}
    if names - {VECTOR}:
        raise ConfigError(
            f"a {kind} module does not work on the vector of the text", found=", ".join(sorted(names)), expected=VECTOR
        )
    if kind == "Normalize":
        return [Step({"kind": "normalize"})]
    if kind == "LayerNorm":
        return [Step({"kind": "layer-norm", "size": _size(fields, "dimension", file)}, path)]
    activation = str(fields.get("activation_function", "torch.nn.modules.activation.Tanh"))
    package, _, name = activation.rpartition(".")
    if package.partition(".")[0] != "torch" or name not in _ACTIVATIONS:
        raise ConfigError(
            "the activation of a Dense module cannot be imported",
            found=activation,
            expected=f"one of PyTorch: {', '.join(_ACTIVATIONS)}",
        )
    dense = {
        "kind": "dense",
        "in_features": _size(fields, "in_features", file),
        "out_features": _size(fields, "out_features", file),
        "bias": fields.get("bias") is not False,
        "activation": _ACTIVATIONS[name],
        "residual": fields.get("use_residual") is True,
    }
    return [Step(dense, path)]


def _unknown(kinds: Sequence[str]) -> ConfigError:
    return ConfigError(
        "this sentence-transformers model has modules that cannot be imported",
        found=", ".join(kinds) or "no module",
        expected="Transformer and Pooling, or StaticEmbedding; then perhaps Dense, LayerNorm, Normalize, Dropout",
    )


def _size(fields: Mapping[str, Any], name: str, file: Path) -> int:
    found = _number(fields, name, file)
    if found is None:
        raise ConfigError(f"{file} has no {name}", expected="a number", hint=_COMPLETE)
    return found


def _number(fields: Mapping[str, Any], name: str, file: Path | None) -> int | None:
    """Return a positive whole number; None if the field is missing or empty."""
    found = fields.get(name)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise ConfigError(f"{name} in {file} is not a positive whole number", found=found, hint=_COMPLETE)
    return found


def _optional(file: Path) -> dict[str, Any]:
    return read_fields(file) if file.is_file() else {}


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except OSError:
        raise ConfigError("a file of the model is missing", found=file, hint="Copy the whole folder.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read", found=error, hint="Copy it again.") from None
