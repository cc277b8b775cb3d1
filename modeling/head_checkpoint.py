"""The checkpoint of a head: its linear layer, and the bundle whose vectors it was trained on."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from glossator.service.bundle import file_names
from glossator.service.bundle.linear_layer import LinearLayer, dump_layer
from glossator.service.bundle.manifest import Backbone
from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError

MODEL_TYPE = "glossator-head"
"""The `model_type` of `config.json`. No other tool runs a head, because it has no graph."""


class HeadModel:
    """What `write_checkpoint` saves instead of a model of transformers."""

    def __init__(self, layer: LinearLayer, backbone: Backbone, task: Task) -> None:
        self._layer, self._backbone, self._task = layer, backbone, task

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json`, `head.safetensors` and `backbone.json`."""
        labels = self._task.labels
        config = {
            "model_type": MODEL_TYPE,
            **({"problem_type": self._task.problem_type} if isinstance(self._task, Classifier) else {}),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: row for row, label in enumerate(labels)},
        }
        (folder / file_names.CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (folder / file_names.HEAD).write_bytes(dump_layer(self._layer))
        (folder / file_names.BACKBONE).write_text(self._backbone.model_dump_json(indent=2) + "\n", encoding="utf-8")


def is_head(checkpoint: Path) -> bool:
    """Whether a checkpoint is that of a head."""
    return (checkpoint / file_names.BACKBONE).is_file()


def read_backbone(checkpoint: Path) -> Backbone:
    """Return the backbone that a head was trained on. Raises ConfigError if it cannot be read."""
    try:
        return Backbone.model_validate_json((checkpoint / file_names.BACKBONE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{file_names.BACKBONE} cannot be read", found=error, hint="Train the head again, with --backbone."
        ) from None
