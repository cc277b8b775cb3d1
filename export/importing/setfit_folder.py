"""Reads the head of a SetFit folder: the linear layer after the vectors of sentence-transformers.

SetFit itself saves every head as a pickle, `model_head.pkl`, which is never opened. `examples/convert_setfit_head.py`,
run where SetFit is installed, writes it as `model_head.safetensors`:

coef        (outputs, dimension), fp32
intercept   (outputs,), fp32
metadata    `kind`: the class of the head; `classes`: its classes as JSON, in the order of the outputs; `several`:
            "true" if a text may have several labels

A head of scikit-learn for two classes has one output: the logit of the second class.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.sentence_transformers_folder import SentenceFolder
from glossator.service.bundle.task import ProblemType
from glossator.service.errors import ConfigError

SETTINGS = "config_setfit.json"
HEAD = "model_head.safetensors"
_PICKLES = ("model_head.pkl", "model_head.joblib")
_KINDS = ("LogisticRegression", "OneVsRestClassifier", "MultiOutputClassifier", "SetFitHead")
_CONVERT = (
    "Run examples/convert_setfit_head.py in an environment with SetFit, where you trust the file; or train again with "
    "`glossator train --algorithm few-shot`."
)


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear head on the vector of a text. `weight`: `(labels, dimension)`; `normalized`: of vectors of length 1."""

    labels: list[str]
    problem_type: ProblemType
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    normalized: bool
    evidence: str


def is_setfit(folder: Path) -> bool:
    """Whether SetFit saved the folder."""
    return any((folder / name).is_file() for name in (SETTINGS, HEAD, *_PICKLES))


def read_setfit(folder: Path, body: SentenceFolder | None) -> LinearHead | None:
    """Return the head of a SetFit folder, or None if it is none. `body`: the modules of sentence-transformers.

    Raises ConfigError if the head is a pickle, is missing, or does not fit the settings.
    """
    pickle = next((name for name in _PICKLES if (folder / name).is_file()), None)
    if not is_setfit(folder):
        return None
    if not (folder / HEAD).is_file():
        raise ConfigError(
            "the head of this SetFit model is a pickle, which could run any code when it is read"
            if pickle
            else "the head of this SetFit model is missing: SetFit saves it as a pickle, which is not downloaded",
            found=folder / (pickle or SETTINGS),
            expected=HEAD,
            hint=_CONVERT,
        )
    if body is None or body.is_static or any(step.kind != "normalize" for step in body.steps) or body.skips_prompt:
        raise ConfigError(
            "the body of this SetFit model cannot be imported",
            found="no modules.json" if body is None else body.description,
            expected="an encoder, a pooling and perhaps normalization",
        )
    settings = _settings(folder / SETTINGS)
    weight, bias, metadata = _tensors(folder / HEAD)
    several = _several(metadata)
    if len(weight) == 1 and not several:  # one logit decides between two classes
        weight, bias = np.concatenate([0.0 * weight, weight]), np.concatenate([0.0 * bias, bias])
    labels = _labels(metadata, settings.get("labels"), len(weight))
    if several and len(labels) == 1:
        raise ConfigError("a head with a single label cannot be imported", found=labels[0], expected="2 or more")
    return LinearHead(
        labels=labels,
        problem_type="multi_label_classification" if several else "single_label_classification",
        weight=weight,
        bias=bias,
        normalized=body.normalized or settings.get("normalize_embeddings") is True,
        evidence=f"{HEAD}: a {metadata['kind']} of SetFit, {'any number of' if several else 'one of'} {len(labels)} "
        "labels",
    )


def add_linear_head(encoder: Any, body: SentenceFolder, head: LinearHead) -> Any:
    """Return a model of the encoder, its pooling and the head. Raises ConfigError if the head has another width."""
    import torch

    from glossator.modeling.architectures.pooled import PooledConfig, PooledModel

    size = int(encoder.config.hidden_size) * len(body.poolings)
    if head.weight.shape[1] != size:
        raise ConfigError(
            "the head of this SetFit model is for vectors of another length",
            found=head.weight.shape[1],
            expected=f"{size}, the dimensions of the vectors of the body",
        )
    pooling = body.poolings[0] if len(body.poolings) == 1 else list(body.poolings)
    config = PooledConfig(
        encoder=encoder.config, pooling=pooling, normalized=head.normalized, num_labels=len(head.labels)
    )
    model = PooledModel(config, encoder)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(head.weight))
        model.classifier.bias.copy_(torch.from_numpy(head.bias))
    return model.eval()


def _settings(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read", found=error, hint="Copy it again.") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{file} is no JSON object", hint="Copy it again.")
    return found


def _tensors(file: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, str]]:
    """Return weight, bias and metadata of a converted head."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as tensors:
            metadata = tensors.metadata() or {}
            weight, bias = (tensors.get_tensor(name).astype(np.float32) for name in ("coef", "intercept"))
    except (SafetensorError, OSError, TypeError) as error:
        raise ConfigError(f"{file} is no converted head", found=error, hint=_CONVERT) from None
    if (
        weight.ndim != 2
        or bias.shape != weight.shape[:1]
        or not (np.isfinite(weight).all() and np.isfinite(bias).all())
    ):
        raise ConfigError(
            f"{file} is no converted head",
            found=f"coef of {weight.shape}, intercept of {bias.shape}",
            expected="finite numbers: coef (outputs, dimension), intercept (outputs)",
            hint=_CONVERT,
        )
    if metadata.get("kind") not in _KINDS:
        raise ConfigError(
            "the head of this SetFit model cannot be imported",
            found=metadata.get("kind", "no kind in its metadata"),
            expected=", ".join(_KINDS),
        )
    return weight, bias, metadata


def _several(metadata: dict[str, str]) -> bool:
    if metadata.get("several") not in ("true", "false"):
        raise ConfigError(f"{HEAD} has no usable metadata", found=f"several: {metadata.get('several')}", hint=_CONVERT)
    return metadata["several"] == "true"


def _labels(metadata: dict[str, str], names: object, outputs: int) -> list[str]:
    """Return the names of the outputs: those in the settings, which number the classes, else the classes."""
    try:
        classes = json.loads(metadata["classes"])
    except (KeyError, ValueError, RecursionError):
        classes = None
    if not isinstance(classes, list) or len(classes) != outputs:
        raise ConfigError(
            f"{HEAD} has another number of classes than outputs",
            found=metadata.get("classes", "no classes"),
            expected=f"{outputs} classes",
            hint=_CONVERT,
        )
    numbered = isinstance(names, list) and all(type(each) is int and 0 <= each < len(names) for each in classes)
    labels = [str(names[each]) for each in classes] if numbered else _texts(classes)  # type: ignore[index]
    if len(set(labels)) != len(labels):
        raise ConfigError("labels of the model have the same name", found=", ".join(labels))
    return labels


def _texts(classes: Sequence[object]) -> list[str]:
    return [str(each) for each in classes]
