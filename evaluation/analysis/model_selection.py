"""Which of several models to take: the cheapest that is shown to be as good as the best, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.noninferiority import NonInferiority, compare_accuracies, compare_macro_f1
from glossator.service.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TriedModel:
    """A model that was tried, as validation rows and this machine show it. `low` and `high` are the 95 % interval of
    its `value`."""

    name: str
    value: float
    low: float
    high: float
    texts_per_second: float
    latency_ms: float
    megabytes: float
    train_minutes: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What a model must keep to; None: anything goes."""

    min_accuracy: float | None = None
    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_train_minutes: float | None = None

    def broken(self, rung: TriedModel) -> list[str]:
        """What the model does not keep to, in words."""
        over = []
        if self.min_accuracy is not None and rung.value < self.min_accuracy:
            over.append(f"{rung.value:.4f} is under {self.min_accuracy:g}")
        for limit, found, what in (
            (self.max_latency_ms, rung.latency_ms, "ms a text"),
            (self.max_size_mb, rung.megabytes, "MB"),
            (self.max_train_minutes, rung.train_minutes, "minutes of training"),
        ):
            if limit is not None and found > limit:
                over.append(f"{found:.3g} {what} is over {limit:g}")
        return over

    def told(self) -> str:
        """The budget in words."""
        names = {
            "min_accuracy": "at least {:g}",
            "max_latency_ms": "at most {:g} ms a text",
            "max_size_mb": "at most {:g} MB",
            "max_train_minutes": "at most {:g} minutes of training",
        }
        given = [names[each.name].format(getattr(self, each.name)) for each in fields(self)
                 if getattr(self, each.name) is not None]  # fmt: skip
        return ", ".join(given) or "none"


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """What became of a model. `against_best` compares it with the best one that keeps to the budget."""

    rung: TriedModel
    kept: bool
    why: str
    on_frontier: bool
    against_best: NonInferiority | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The model to take, the best one within the budget, and why each other was dropped; the cheapest first."""

    metric: str
    chosen: str
    best: str
    budget: Budget
    margin: float
    verdicts: tuple[ModelVerdict, ...]
    skipped: dict[str, str]
    """Algorithms that were not tried, and why."""

    def to_dict(self) -> dict[str, object]:
        """JSON-ready fields."""
        return asdict(self)


def select_model(
    rungs: Sequence[TriedModel],
    decided: dict[str, NDArray[np.bool_]],
    gold: NDArray[np.bool_],
    budget: Budget,
    *,
    metric: str,
    margin: float,
    skipped: dict[str, str] | None = None,
) -> Selection:
    """The choice. `decided` has the labels `(rows, labels)` that each model gives to the validation rows, `gold` the
    true ones; cheapest is what answers most texts a second here.

    Accuracies are compared by Tango's score bounds, macro-F1 by the paired bootstrap, one-sided at 95 %. The best of
    several is a little flattered by these rows, which makes the choice careful. Raises ConfigError, with what comes
    closest, where nothing keeps to the budget.
    """
    cheapest_first = sorted(rungs, key=lambda rung: -rung.texts_per_second)
    within = [rung for rung in cheapest_first if not budget.broken(rung)]
    if not within:
        raise _no_model_fits(cheapest_first, budget, metric)
    best = max(within, key=lambda rung: rung.value)
    compared = {
        rung.name: _compare_decisions(metric, gold, decided[rung.name], decided[best.name], margin) for rung in within
    }
    chosen = next(rung for rung in within if rung.name == best.name or compared[rung.name].non_inferior)
    frontier = _frontier_names(cheapest_first)
    verdicts = []
    for rung in cheapest_first:
        broken, found = budget.broken(rung), compared.get(rung.name)
        verdicts.append(
            ModelVerdict(rung, rung is chosen, _reason(rung, chosen, best, broken, found), rung.name in frontier, found)
        )
    return Selection(metric, chosen.name, best.name, budget, margin, tuple(verdicts), skipped or {})


def _compare_decisions(
    metric: str, gold: NDArray[np.bool_], new: NDArray[np.bool_], old: NDArray[np.bool_], margin: float
) -> NonInferiority:
    if metric == "macro_f1":
        return compare_macro_f1(gold, new, old, margin=margin)
    return compare_accuracies((new == gold).all(axis=-1), (old == gold).all(axis=-1), margin=margin)


def _frontier_names(cheapest_first: Sequence[TriedModel]) -> set[str]:
    """The models that no other beats in both speed and value."""
    names, highest = set(), -1.0
    for rung in cheapest_first:
        if rung.value > highest:
            names.add(rung.name)
            highest = rung.value
    return names


def _reason(
    rung: TriedModel, chosen: TriedModel, best: TriedModel, broken: list[str], found: NonInferiority | None
) -> str:
    if broken or found is None:
        return f"outside the budget: {'; '.join(broken)}"
    bound = f"{found.difference:+.4f} against {best.name}, bound {found.low:+.4f}, margin {found.margin:g}"
    if rung is chosen:
        return (
            "chosen: the best within the budget"
            if rung is best
            else f"chosen: the cheapest as good as the best, {bound}"
        )
    if rung is best:
        return f"the best, but {chosen.name} is as good and cheaper"
    if found.non_inferior:
        return f"as good as the best, but {chosen.name} is cheaper; {bound}"
    return f"not shown to be as good as the best: {bound}"


def _no_model_fits(rungs: Sequence[TriedModel], budget: Budget, metric: str) -> ConfigError:
    closest = min(rungs, key=lambda rung: (len(budget.broken(rung)), -rung.value), default=None)
    if closest is None:
        return ConfigError(
            "no model could be trained within the budget", expected=budget.told(), hint="Widen the budget."
        )
    return ConfigError(
        "no model keeps to the budget",
        found=f"{closest.name} comes closest, with {metric} {closest.value:.4f}: {'; '.join(budget.broken(closest))}",
        expected=budget.told(),
        hint="Widen the budget, give more rows, or clean the labels: glossator wrangle --label-errors.",
    )
