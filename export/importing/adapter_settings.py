"""Reads `adapter_config.json` of peft: which base a LoRA adapter belongs to, and how its matrices are scaled."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glossator.service.bundle.task import TaskName
from glossator.service.errors import ConfigError

SETTINGS = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLED_WEIGHTS = "adapter_model.bin"
_TASKS: Mapping[str, TaskName] = {
    "SEQ_CLS": "text-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "FEATURE_EXTRACTION": "text-embedding",
}
_MERGE = "In peft, call merge_and_unload() and save the merged model with save_pretrained(folder)."
_READ = (
    "base_model_name_or_path", "revision", "peft_type", "task_type", "r", "lora_alpha", "use_rslora", "alpha_pattern",
    "init_lora_weights",
)  # fmt: skip
_WITHOUT_EFFECT = (
    "auto_mapping", "bias", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules", "fan_in_fan_out",
    "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config",
    "megatron_core", "modules_to_save", "peft_version", "qalora_group_size", "rank_pattern", "runtime_config",
    "target_modules",
)  # fmt: skip
"""Where and how the adapter was trained: its weights say the rest."""
_PATTERN = re.compile(r"\^?[\w.-]+")
"""peft reads any regular expression; one from a file may take forever."""
_PLAIN_INITS = (True, False, "gaussian", "eva", "orthogonal")
"""Initial values that leave the weights of the base as they are."""


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What an adapter says about itself. `base`: a folder, or a name on the hub."""

    base: str
    revision: str | None
    task: TaskName | None
    alpha: float
    alphas: Mapping[str, float]
    """Other values for modules whose path ends in a pattern."""
    by_root: bool
    """Divide by the square root of the rank (rsLoRA)."""

    def scale(self, module: str, rank: int) -> float:
        """Return the factor of a module's product of matrices."""
        found = (value for key, value in self.alphas.items() if re.match(rf"(.*\.)?({key})$", module))
        return next(found, self.alpha) / (math.sqrt(rank) if self.by_root else rank)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter instead of a whole model."""
    return (folder / SETTINGS).is_file() and any((folder / name).is_file() for name in (WEIGHTS, PICKLED_WEIGHTS))


def read_settings(folder: Path) -> AdapterSettings:
    """Return what `adapter_config.json` says. Raises ConfigError for adapters that are not merged here."""
    file = folder / SETTINGS
    try:
        fields = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read", found=error, hint="Copy it again.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("peft_type"), str):
        raise ConfigError(f"{file} is not the configuration of an adapter of peft", expected="a peft_type")
    if fields["peft_type"] != "LORA":
        raise ConfigError(
            "this kind of adapter cannot be merged", found=fields["peft_type"], expected="LORA", hint=_MERGE
        )
    further = sorted(name for name, value in fields.items() if value and name not in (*_READ, *_WITHOUT_EFFECT))
    if further:
        raise ConfigError("this variant of LoRA cannot be merged", found=", ".join(further), hint=_MERGE)
    if fields.get("init_lora_weights", True) not in _PLAIN_INITS:
        raise ConfigError(
            "this variant of LoRA changes the weights of the base, and cannot be merged",
            found=f"init_lora_weights {fields['init_lora_weights']}",
            hint=_MERGE,
        )
    task = fields.get("task_type")
    if task is not None and task not in _TASKS:
        raise ConfigError(
            "an adapter for this task cannot be imported", found=f"task_type {task}", expected=", ".join(_TASKS)
        )
    base, revision = fields.get("base_model_name_or_path"), fields.get("revision")
    try:
        alphas = {str(key): float(value) for key, value in (fields.get("alpha_pattern") or {}).items()}
        alpha = float(fields["lora_alpha"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{file} is damaged", found=error, expected="lora_alpha, a number") from None
    expressions = [key for key in alphas if not _PATTERN.fullmatch(key)]
    if expressions:
        raise ConfigError(
            "the patterns of this adapter cannot be read",
            found=f"alpha_pattern {expressions[0]}",
            expected="names of modules",
            hint=_MERGE,
        )
    return AdapterSettings(
        base=base if isinstance(base, str) else "",
        revision=revision if isinstance(revision, str) else None,
        task=None if task is None else _TASKS[task],
        alpha=alpha,
        alphas=alphas,
        by_root=fields.get("use_rslora") is True,
    )
