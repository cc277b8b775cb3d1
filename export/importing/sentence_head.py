"""Puts the layers of a folder of sentence-transformers after its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glossator.export.importing.foreign_tokenizer import ForeignTokenizer
from glossator.export.importing.foreign_weights import load_tensors
from glossator.modeling.registration import register_architectures
from glossator.modeling.sentence_transformers_folder import SentenceFolder
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import prompt_ids


def add_modules(
    encoder: Any, tokenizer: ForeignTokenizer, modules: SentenceFolder, folder: Path, *, prompt: str = ""
) -> Any:
    """Return the encoder and the modules after it as one model; the encoder itself if pooling is all that follows.

    Args:
        encoder: The first module.
        tokenizer: Its tokenizer, which gets the normalisation that the folder asks for.
        modules: What the folder says.
        folder: The folder of the model.
        prompt: What is put before each text.

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
    if (only_pooled and not skipped) or (modules.is_static and not modules.steps):
        return encoder
    import torch

    from glossator.modeling.architectures.text_vector import TextVectorConfig, TextVectorModel

    register_architectures()  # the configuration of the encoder is found by its name
    size = int(encoder.config.hidden_size) * max(1, len(modules.poolings))
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
        encoder.config, poolings=modules.poolings, skipped=skipped, steps=[dict(step.fields) for step in modules.steps]
    )
    model = TextVectorModel(config, encoder)
    with torch.no_grad():
        for layer, step in zip(model.steps, modules.steps, strict=True):
            if step.path:
                _load(layer, folder / step.path)
    return model.eval()


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
