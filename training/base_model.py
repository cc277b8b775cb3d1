"""Finds, checks and opens the encoder that training starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.modeling.context_length import context_length
from glossator.modeling.sentence_transformers_folder import MODULES, SentenceFolder
from glossator.modeling.torch_session import auto_class
from glossator.service.bundle.task import Classifier, Encoding, Pooling, Task, TokenClassification
from glossator.service.errors import ConfigError, OutputError, shorten
from glossator.training.base_source import find_base
from glossator.training.config import TrainingConfig

FAMILIES = frozenset(
    {
        "albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie",
        "eurobert", "gte", "jina_embeddings_v3", "mobilebert", "modernbert", "mpnet", "nomic_bert", "rembert",
        "roberta", "squeezebert", "xlm-roberta",
    }
)  # fmt: skip
"""The `model_type` of encoders that can be trained and exported: see `benchmarks/quality/model_families.py`."""
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")
"""The names of the attention dropout in the families' configurations. It is set to 0: with dropout PyTorch has no fused
attention on CPUs, and the validation metric on banking77 was the same without."""
_NO_LIMIT = 65_536
"""The longest window of encoders whose positions have no limit."""
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
    poolings: tuple[Pooling, ...] = ("mean",)
    """How its token vectors become the vector of a text; of several poolings the vectors are concatenated."""
    max_length: int | None = None
    """The longest window that its folder sets, in tokens."""
    evidence: tuple[str, ...] = ()
    """What its folder says beyond the encoder, in sentences for the user."""

    @property
    def pooling(self) -> Pooling | list[Pooling]:
        """The pooling as a task names it."""
        return self.poolings[0] if len(self.poolings) == 1 else list(self.poolings)

    @property
    def dimension(self) -> int:
        """The number of dimensions of the vector of a text."""
        return len(self.poolings) * self.hidden_size


def resolve_base_model(base: str) -> BaseModel:
    """The encoder that `base` names: `starter`, a local folder, or a hub name.

    Raises ConfigError if there is none, if it cannot be read, or if its family is not supported.
    """
    from transformers import AutoConfig

    source = find_base(base)
    try:
        config = AutoConfig.from_pretrained(source.folder, trust_remote_code=False)
    except Exception as error:  # each config class fails in its own way
        raise _unreadable(source.folder, error) from error
    if config.model_type not in FAMILIES:
        raise ConfigError(
            "the base model's family is not supported",
            found=config.model_type,
            expected=", ".join(sorted(FAMILIES)),
            hint="Choose an encoder of one of these families.",
        )
    modules = source.modules
    return BaseModel(
        name=source.name,
        folder=str(source.folder),
        family=config.model_type,
        revision=source.revision,
        vocabulary=config.vocab_size,
        max_positions=context_length(config) or _NO_LIMIT,
        hidden_size=config.hidden_size,
        poolings=("mean",) if modules is None else tuple(modules.poolings),
        max_length=None if modules is None else modules.max_length,
        evidence=() if modules is None else _evidence(modules),
    )


def _evidence(modules: SentenceFolder) -> tuple[str, ...]:
    """What is taken from a folder of sentence-transformers, and what is left out, in sentences for the user."""
    found = []
    if modules.poolings != ["mean"]:
        found.append(f"{MODULES}: pooling {' and '.join(modules.poolings)}, for algorithms that use vectors of texts")
    layers = [str(step) for step in modules.steps if step.kind != "normalize"]
    if layers:
        found.append(f"not used in training: {', '.join(layers)}")
    if any(modules.prompts.values()):
        found.append("the prompts of the base model are not added in training")
    return tuple(found)


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
        model, loaded = auto_class(task.task, config.model_type).from_pretrained(
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
    max_length = config.max_length or min(256, base.max_positions, base.max_length or 256)
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


def _unreadable(folder: str | Path, error: Exception) -> ConfigError:
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
