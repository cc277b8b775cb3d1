"""Puts the layers of a folder of sentence-transformers after its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from glossator.export.importing.foreign_tokenizer import ForeignTokenizer
from glossator.export.importing.foreign_weights import load_tensors
from glossator.export.importing.recognition import Recognised
from glossator.modeling.registration import register_architectures
from glossator.modeling.sentence_transformers_folder import SentenceFolder, Step
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import prompt_ids


def add_modules(
    encoder: Any,
    tokenizer: ForeignTokenizer,
    modules: SentenceFolder,
    folder: Path,
    *,
    prompt: str = "",
    layers: Sequence[int] = (),
) -> Any:
    """Return the encoder and the modules after it as one model; the encoder itself if pooling is all that follows.

    Args:
        encoder: The first module.
        tokenizer: Its tokenizer, which gets the normalisation that the folder asks for.
        modules: What the folder says.
        folder: The folder of the model.
        prompt: What is put before each text.
        layers: The layers whose vectors are concatenated; none: the last one.

    Raises ConfigError if weights are missing, or if the modules do not fit together.
    """
    backend = tokenizer.tokenizer.backend_tokenizer
    if modules.lower_case:
        _lower_case(backend)
    tokens = len(prompt_ids(backend, prompt))
    if tokens >= tokenizer.encoding.max_length // 2:
        raise ConfigError(
            "the prompt takes more than half of a window",
            found=f"{tokens} tokens",
            expected=f"fewer than {tokenizer.encoding.max_length // 2}",
            hint="Pass a larger --max-length.",
        )
    skipped = tokens if modules.skips_prompt else 0
    # Normalisation alone: the task says it, and the encoder stays a model that other libraries load.
    only_pooled = not modules.is_static and all(step.kind == "normalize" for step in modules.steps)
    _check_layers(encoder, layers)
    if (only_pooled and not skipped and not layers) or (modules.is_static and not modules.steps):
        return encoder
    import torch

    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel

    register_architectures()  # the configuration of the encoder is found by its name
    size = int(encoder.config.hidden_size) * max(1, len(modules.poolings)) * max(1, len(layers))
    for step in modules.steps:
        wanted = step.fields.get("in_features") or step.fields.get("size")
        if step.kind in ("dense", "layer-norm") and wanted != size:
            raise ConfigError(
                "the modules of this sentence-transformers model do not fit together",
                found=f"vectors of {size} dimensions before {step.path}",
                expected=f"{wanted} dimensions",
            )
        size = int(step.fields.get("out_features") or min(size, step.fields.get("size") or size))
    config = TextVectorConfig(
        encoder.config,
        poolings=modules.poolings,
        skipped=skipped,
        steps=[dict(step.fields) for step in modules.steps],
        layers=layers,
    )
    model = TextVectorModel(config, encoder)
    with torch.no_grad():
        for layer, step in zip(model.steps, modules.steps, strict=True):
            if step.path:
                _load(layer, folder / step.path)
    return model.eval()


def with_layers(recognised: Recognised, layers: Sequence[int]) -> Recognised:
    """Return a model that makes vectors of several layers instead of what follows its last one.

    Raises ConfigError if it has no layers, or makes no vectors.
    """
    modules = recognised.sentence or SentenceFolder("", ["mean"])
    kinds = {
        "a table of token vectors": modules.is_static,
        "a model of SetFit": recognised.linear_head is not None,
        f"a model for {recognised.task}": recognised.task != "text-embedding",
    }
    found = next((kind for kind, is_it in kinds.items() if is_it), None)
    if found is not None:
        raise ConfigError(
            "--layers is for encoders that make vectors",
            found=found,
            hint="Leave --layers out.",
        )
    dropped = [str(step) for step in modules.steps if step.kind != "normalize"]
    if dropped:
        raise ConfigError(
            "--layers is for encoders without further layers after the pooling",
            found=", ".join(dropped),
            hint="Leave --layers out.",
        )
    shown = ", ".join(map(str, layers))
    return replace(
        recognised,
        normalized=True,
        sentence=replace(modules, steps=[Step({"kind": "normalize"})]),
        evidence=[*recognised.evidence, f"--layers: the vectors of the layers {shown}, concatenated and normalized"],
    )


def _check_layers(encoder: Any, layers: Sequence[int]) -> None:
    """Raise ConfigError if the encoder has no such layers."""
    last = int(getattr(encoder.config, "num_hidden_layers", 0))
    if len(set(layers)) < len(layers) or not all(0 <= layer <= last for layer in layers):
        raise ConfigError(
            "the encoder has no such layers",
            found=", ".join(map(str, layers)),
            expected=f"different numbers from 0 (word embeddings) to {last} (the last layer)",
        )


def _load(layer: Any, folder: Path) -> None:
    """Load the weights of a layer. Raises ConfigError if they are not those that its configuration describes."""
    tensors = load_tensors(folder)
    expected = layer.state_dict()
    for name, tensor in expected.items():
        found = tensors.get(name)
        if found is None or found.shape != tensor.shape:
            raise ConfigError(
                f"the weights of the module in {folder} do not match its config.json",
                found="no such weight" if found is None else f"{name} of shape {tuple(found.shape)}",
                expected=f"{name} of shape {tuple(tensor.shape)}",
                hint="Copy the whole folder again.",
            )
    unknown = sorted(set(tensors) - set(expected))
    if unknown:
        raise ConfigError(f"the module in {folder} has weights that config.json does not describe", found=unknown[0])
    layer.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})


def vector_size(model: Any, pooling: str | Sequence[str]) -> int:
    """Return the number of dimensions of the vectors of a model."""
    if model.config.model_type == "glossator-text-vector":
        return int(model.config.dimension)
    return int(model.config.hidden_size) * (1 if isinstance(pooling, str) else len(pooling))


def _lower_case(tokenizer: Any) -> None:
    """Let the tokenizer turn texts into lower case, as `do_lower_case` of sentence-transformers does."""
    from tokenizers import normalizers

    present = tokenizer.normalizer
    if "Lowercase" not in str(present):
        before = [normalizers.Lowercase()]
        tokenizer.normalizer = normalizers.Sequence(before if present is None else [*before, present])
