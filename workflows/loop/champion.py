"""The champion of a registry, and how it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glossator.service.errors import ConfigError
from glossator.workflows.extras import require_extra

if TYPE_CHECKING:
    from glossator.service.bundle.task import Provenance, Task
    from glossator.service.registry import Registry
    from glossator.training.config import TrainingConfig
    from glossator.workflows.run_records import Run, RunStore

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Champion:
    """The live version of a model. `run` is the record of its training; None if there is none."""

    name: str
    digest: str
    bundle: Path
    task: Task
    config: TrainingConfig
    run: Run | None

    @property
    def labels(self) -> list[str]:
        """The labels, or the types of entities, in the order of the model; empty for answers to questions."""
        return label_scheme(self.task)


def label_scheme(task: Task) -> list[str]:
    """Return the labels that rows of a task may have, or the types of its entities; empty for answers to questions."""
    from glossator.service.bundle.task import Classifier, TokenClassification

    if isinstance(task, TokenClassification):
        return task.types
    return list(task.labels) if isinstance(task, Classifier) else []


def read_champion(registry: Registry, name: str, store: RunStore) -> Champion:
    """Return the champion of a model, with the options that it was trained with.

    Raises UnknownModel if the registry lacks the model, ConfigError if there is no champion, if reviews of its answers
    are no labelled rows, or if Glossator did not train it.
    """
    require_extra("training")
    from glossator.service.bundle.reader import read_manifest

    record = registry.record(name)
    digest = record.aliases.get(CHAMPION)
    if digest is None:
        raise ConfigError(
            "the model has no champion",
            found=f"{name}: {', '.join(record.aliases) or 'no alias'}",
            hint=f"Choose one: glossator models alias {name} VERSION --registry {registry.root}.",
        )
    bundle = registry.folder(name, digest)
    task = read_manifest(bundle).task
    if task.task == "text-embedding" or getattr(task, "problem_type", "") == "regression":
        raise ConfigError(
            "answers of this model cannot become training rows",
            found=f"{name}: scores or vectors",
            expected="a model that gives labels, entities or spans",
        )
    if not task.provenance.corpus_fingerprint:
        raise ConfigError(
            "the champion was imported: how it was trained is not known",
            found=f"{name}@{digest[:12]}",
            expected="a model that Glossator trained",
            hint="Train one: glossator train FILE --export BUNDLE, and add it to the registry.",
        )
    run = _find_run(store, task.provenance.run)
    return Champion(name, digest, bundle, task, _config_of(task.provenance, run), run)


def _find_run(store: RunStore, run_id: str | None) -> Run | None:
    return next((run for run in store.runs() if run.id == run_id), None) if run_id is not None else None


def _config_of(provenance: Provenance, run: Run | None) -> TrainingConfig:
    """Return the recorded options of training. Those of the bundle count: a search may have chosen them."""
    from glossator.training.algorithms.registry import find_algorithm
    from glossator.training.config import TrainingConfig

    recorded: dict[str, Any] = {} if run is None else dict(run.config)
    base = recorded.get("base") or _base_of(provenance)
    teacher = recorded.get("teacher")
    if "teacher" in provenance.config and teacher is None:
        raise ConfigError(
            "the champion learned from a teacher whose place is not recorded",
            found=f"teacher {provenance.config['teacher']}",
            expected=f"the record of run {provenance.run}",
            hint="Give the folder of its runs with --runs, or choose the algorithm again with --select.",
        )
    own = find_algorithm(provenance.algorithm).options.model_fields
    known = provenance.config
    fields = {name: known[name] for name in TrainingConfig.model_fields if name in known and name not in own}
    options = {name: known[name] for name in own if known.get(name) is not None}
    return TrainingConfig.model_validate(
        fields
        | {
            "algorithm": provenance.algorithm,
            "options": options,
            "base": base,
            "teacher": teacher,
            "seed": provenance.seed,
        }
    )


def _base_of(provenance: Provenance) -> str:
    from glossator.training.base_model import resolve_base_model

    try:
        starter = resolve_base_model("starter")
    except ConfigError:
        return provenance.base_model
    return "starter" if starter.revision == provenance.base_revision else provenance.base_model
