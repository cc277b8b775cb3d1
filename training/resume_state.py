"""The state from which interrupted training continues: weights, optimiser, random state and position, on disk."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from glossator.service.errors import ConfigError, OutputError
from glossator.service.files.durable import sync_file, sync_folder

_TENSORS = "state.safetensors"
_POSITION = "state.json"
_BEST = "best.safetensors"
_PREFIX = "step-"
_WRITING = "writing-"


@dataclass(slots=True)
class Position:
    """How far training is: `step` batches of `epoch` are done; `best_metric` and `history` are of finished epochs."""

    fingerprint: str
    """A hash of rows, options and base model: a state can be resumed only with the same ones."""
    epoch: int = 0
    step: int = 0
    best_metric: float = -1.0
    best_epoch: int = -1
    epochs_without_improvement: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def add_loss(self, value: float) -> None:
        """Add the loss of a batch to the running mean."""
        self.loss_sum = 0.99 * self.loss_sum + value
        self.loss_weight = 0.99 * self.loss_weight + 1.0

    @property
    def loss(self) -> float:
        """The exponential mean of about the last hundred losses of this epoch, without bias towards 0 at the start."""
        return self.loss_sum / self.loss_weight


class ResumeState:
    """The folder `<output>.partial` next to the output: the newest state, and the weights of the best epoch."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".partial")

    def newest(self, fingerprint: str) -> Position | None:
        """The position of the newest state, or None if there is no state.

        Raises ConfigError if the state has another fingerprint or is damaged.
        """
        found = self._newest_folder()
        if found is None:
            return None
        with self._damage_errors():
            position = Position(**json.loads((found / _POSITION).read_text()))
        if position.fingerprint != fingerprint:
            raise ConfigError(
                "there is unfinished training with other data or options",
                found=self.path,
                expected="the same corpus and options as when training was interrupted",
                hint="Repeat the earlier command to finish it, pass --fresh to discard it, or choose another --output.",
            )
        return position

    def save(self, position: Position, model: Any, optimizer: Any) -> None:
        """Write a state atomically, then remove older states. Raises OutputError."""
        import torch
        from safetensors.torch import save_file

        tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value).cpu() for name, value in moments.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        with self._temporary_folder() as folder:
            # safetensors rejects tensors that share memory, such as tied weights: each name gets a copy.
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / _TENSORS)
            (folder / _POSITION).write_text(json.dumps(asdict(position)))
            sync_file(folder / _TENSORS)
            sync_file(folder / _POSITION)
            newest = folder.rename(self.path / f"{_PREFIX}{position.epoch:04d}-{position.step:08d}")
            sync_folder(self.path)  # the new state is on disk before older ones are removed
            for older in set(self.path.glob(f"{_PREFIX}*")) - {newest}:
                shutil.rmtree(older, ignore_errors=True)

    def load(self, model: Any, optimizer: Any) -> None:
        """Load the newest state into model, optimiser and PyTorch's generators. Raises ConfigError if it is damaged."""
        import torch
        from safetensors.torch import load_file

        folder = self._newest_folder()
        assert folder is not None
        with self._damage_errors():
            tensors = load_file(folder / _TENSORS)
            model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})
            moments: dict[int, dict[str, Any]] = {}
            for name, tensor in tensors.items():
                if name.startswith("optimizer."):
                    _, index, moment = name.split(".", 2)
                    moments.setdefault(int(index), {})[moment] = tensor
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": moments, "param_groups": groups})
            torch.set_rng_state(tensors["random.cpu"])
            if "random.cuda" in tensors and torch.cuda.is_available():
                torch.cuda.set_rng_state(tensors["random.cuda"])

    def save_best(self, model: Any) -> None:
        """Write the weights of the model as those of the best epoch. Raises OutputError."""
        from safetensors.torch import save_file

        with self._temporary_folder() as folder:
            tensors = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
            save_file(tensors, folder / _BEST)
            sync_file(folder / _BEST)
            (folder / _BEST).rename(self.path / _BEST)

    def load_best(self, model: Any) -> None:
        """Load the weights of the best epoch into the model. Raises ConfigError if it is damaged."""
        from safetensors.torch import load_file

        with self._damage_errors():
            model.load_state_dict(load_file(self.path / _BEST))

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _newest_folder(self) -> Path | None:
        folders = sorted(self.path.glob(f"{_PREFIX}*")) if self.path.is_dir() else []
        return folders[-1] if folders else None

    @contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        """Yield a new temporary folder in this folder. Remaining temporary folders are removed before and after.

        Raises OutputError if something cannot be written.
        """
        from safetensors import SafetensorError

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._remove_temporary_folders()
            yield Path(tempfile.mkdtemp(prefix=_WRITING, dir=self.path))
        except (OSError, SafetensorError) as error:
            raise OutputError(
                f"the training state cannot be written: {error}",
                found=self.path,
                hint="Free some space (about four times the model's size) or choose another --output.",
            ) from error
        finally:
            self._remove_temporary_folders()

    def _remove_temporary_folders(self) -> None:
        for unfinished in self.path.glob(f"{_WRITING}*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    @contextmanager
    def _damage_errors(self) -> Iterator[None]:
        """Turn every error of a damaged state into a ConfigError with a hint."""
        try:
            yield
        except Exception as error:  # JSON, safetensors and PyTorch each fail in their own way
            raise ConfigError(
                "there is unfinished training, but its state is damaged and cannot be resumed",
                found=error,
                expected=f"a state written by this version of Glossator in {self.path}",
                hint="Pass --fresh to discard it, or choose another --output.",
            ) from error
