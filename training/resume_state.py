"""What a killed run resumes from: weights, optimiser, random numbers and place, as safetensors and JSON."""

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
_PLACE = "state.json"
_BEST = "best.safetensors"
_PREFIX = "step-"
_WRITING = "writing-"


@dataclass(slots=True)
class Position:
    """Where a run stands: `step` batches of `epoch` are done. `best_metric` and `history` speak of whole epochs."""

    fingerprint: str
    """Names corpus, split and config: a state serves only the very run that wrote it."""
    epoch: int = 0
    step: int = 0
    best_metric: float = -1.0
    best_epoch: int = -1
    epochs_without_gain: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def add_loss(self, value: float) -> None:
        """Counts a batch's loss into the running mean."""
        self.loss_sum = 0.99 * self.loss_sum + value
        self.loss_weight = 0.99 * self.loss_weight + 1.0

    @property
    def loss(self) -> float:
        """An exponential mean of the last hundred or so losses of this epoch, unbiased from the first on."""
        return self.loss_sum / self.loss_weight


class ResumeState:
    """The folder `<output>.partial` beside the checkpoint to be: the newest state, and the best epoch's weights."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".partial")

    def newest(self, fingerprint: str) -> Position | None:
        """The place of the state to resume from, None where there is none.

        Raises ConfigError where the state is of another run, or damaged.
        """
        found = self._newest_folder()
        if found is None:
            return None
        with self._damage():
            place = Position(**json.loads((found / _PLACE).read_text()))
        if place.fingerprint != fingerprint:
            raise ConfigError(
                "an unfinished run with other data or options stands here",
                found=self.path,
                expected="the same corpus and options as when it was interrupted",
                hint="Repeat that command to finish it, pass --fresh to discard it, or choose another --output.",
            )
        return place

    def save(self, place: Position, model: Any, optimizer: Any) -> None:
        """Writes a state aside, flushes it, renames it, then drops the older ones."""
        import torch
        from safetensors.torch import save_file

        tensors = {f"model.{name}": tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value).cpu() for name, value in moments.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        with self._aside() as aside:
            # Tied weights share memory, which safetensors refuses: each name gets its own copy.
            save_file({name: tensor.clone() for name, tensor in tensors.items()}, aside / _TENSORS)
            (aside / _PLACE).write_text(json.dumps(asdict(place)))
            sync_file(aside / _TENSORS)
            sync_file(aside / _PLACE)
            newest = aside.rename(self.path / f"{_PREFIX}{place.epoch:04d}-{place.step:08d}")
            sync_folder(self.path)  # the new name is on disk before the old state goes
            for older in set(self.path.glob(f"{_PREFIX}*")) - {newest}:
                shutil.rmtree(older, ignore_errors=True)

    def load(self, model: Any, optimizer: Any) -> None:
        """Puts the newest state into model, optimiser and PyTorch's random number generators."""
        import torch
        from safetensors.torch import load_file

        folder = self._newest_folder()
        assert folder is not None
        with self._damage():
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
        """Keeps the model's weights as those of the best epoch."""
        from safetensors.torch import save_file

        with self._aside() as aside:
            tensors = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
            save_file(tensors, aside / _BEST)
            sync_file(aside / _BEST)
            (aside / _BEST).rename(self.path / _BEST)

    def load_best(self, model: Any) -> None:
        """Puts the weights of the best epoch into the model."""
        from safetensors.torch import load_file

        with self._damage():
            model.load_state_dict(load_file(self.path / _BEST))

    def discard(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _newest_folder(self) -> Path | None:
        folders = sorted(self.path.glob(f"{_PREFIX}*")) if self.path.is_dir() else []
        return folders[-1] if folders else None

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """A new folder in this one to write into. What is left in it goes, and what a killed run left in its own too.

        Raises OutputError where the disk refuses.
        """
        from safetensors import SafetensorError

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._tidy()
            yield Path(tempfile.mkdtemp(prefix=_WRITING, dir=self.path))
        except (OSError, SafetensorError) as error:
            raise OutputError(
                f"the training state cannot be written: {error}",
                found=self.path,
                hint="Free some space (about four times the model's size) or choose another --output.",
            ) from error
        finally:
            self._tidy()

    def _tidy(self) -> None:
        for unfinished in self.path.glob(f"{_WRITING}*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """Turns whatever a damaged state gives into a ConfigError that names the way out."""
        try:
            yield
        except Exception as error:  # JSON, safetensors and PyTorch each fail in their own way
            raise ConfigError(
                "an unfinished run stands here and cannot be resumed: its state is damaged",
                found=error,
                expected=f"what this version of Glossator left in {self.path}",
                hint="Pass --fresh to discard it, or choose another --output.",
            ) from error
