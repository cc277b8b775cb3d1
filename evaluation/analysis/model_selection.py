"""Chooses a model within a budget: the cheapest that is not measurably worse than the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.statistics.noninferiority import NonInferiority, compare_accuracies, compare_macro_f1
from glossator.service.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TriedModel:
    """A model with its measurements on the validation rows and on this machine.

    `value` is the metric, `low` and `high` its 95 % interval.
    """

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
    """The limits that a model must keep; None means no limit."""

    min_accuracy: float | None = None
    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_train_minutes: float | None = None

    def violations(self, model: TriedModel) -> list[str]:
        """Return a phrase for each limit that the model exceeds."""
        violations = []
        if self.min_accuracy is not None and model.value < self.min_accuracy:
            violations.append(f"{model.value:.4f} is below {self.min_accuracy:g}")
        for limit, found, what in (
            (self.max_latency_ms, model.latency_ms, "ms per text"),
            (self.max_size_mb, model.megabytes, "MB"),
            (self.max_train_minutes, model.train_minutes, "minutes of training"),
        ):
            if limit is not None and found > limit:
                violations.append(f"{found:.3g} {what} is above {limit:g}")
        return violations

    def describe(self) -> str:
        """Return the limits as one phrase."""
        names = {
            "min_accuracy": "a validation metric of at least {:g}",
            "max_latency_ms": "at most {:g} ms per text",
            "max_size_mb": "at most {:g} MB",
            "max_train_minutes": "at most {:g} minutes of training",
        }
        limits = {each.name: getattr(self, each.name) for each in fields(self)}
        given = [names[name].format(limit) for name, limit in limits.items() if limit is not None]
        return ", ".join(given) or "no limits"


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """Whether a model was chosen and why.

    `on_frontier`: no other model is both faster and better. `against_best` compares it with the best model within the
    budget; None outside the budget.
    """

    model: TriedModel
    kept: bool
    why: str
    on_frontier: bool
    against_best: NonInferiority | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen model, the best one within the budget, and a verdict on every model, the fastest first."""

    metric: str
    chosen: str
    best: str
    budget: Budget
    margin: float
    verdicts: tuple[ModelVerdict, ...]
    skipped: dict[str, str]
    """Algorithms that were not tried, and why."""

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready fields."""
        return asdict(self)


def choose_model(
    models: Sequence[TriedModel],
    decided: dict[str, NDArray[np.bool_]],
    gold: NDArray[np.bool_],
    budget: Budget,
    *,
    metric: str,
    margin: float,
    skipped: dict[str, str] | None = None,
) -> Selection:
    """Choose the fastest model that is not measurably worse than the best one within the budget.

    Accuracies are compared by Tango's score bounds, macro F1 by the paired bootstrap, one-sided at 95 %. The best of
    several models looks slightly too good on the rows that it was picked on, so the choice is conservative.

    Args:
        models: The models that were tried.
        decided: The labels that each model assigns to the validation rows, `(rows, labels)`, by model name.
        gold: The gold labels, `(rows, labels)`.
        budget: The limits.
        metric: `accuracy` or `macro_f1`.
        margin: How much worse than the best a model may be, as a share.
        skipped: Algorithms that were not tried, with the reason; copied into the result.

    Raises:
        ConfigError: No model is within the budget; the error names the one that is closest.
    """
    fastest_first = sorted(models, key=lambda model: -model.texts_per_second)
    within = [model for model in fastest_first if not budget.violations(model)]
    if not within:
        raise _no_model_fits(fastest_first, budget, metric)
    best = max(within, key=lambda model: model.value)
    compared = {
        model.name: _compare_decisions(metric, gold, decided[model.name], decided[best.name], margin)
        for model in within
    }
    chosen = next(model for model in within if model.name == best.name or compared[model.name].non_inferior)
    frontier = _frontier_names(fastest_first)
    verdicts = []
    for model in fastest_first:
        violations, comparison = budget.violations(model), compared.get(model.name)
        verdicts.append(
            ModelVerdict(
                model,
                model is chosen,
                _reason(model, chosen, best, violations, comparison),
                model.name in frontier,
                comparison,
            )
        )
    return Selection(metric, chosen.name, best.name, budget, margin, tuple(verdicts), skipped or {})


def _compare_decisions(
    metric: str, gold: NDArray[np.bool_], new: NDArray[np.bool_], old: NDArray[np.bool_], margin: float
) -> NonInferiority:
    if metric == "macro_f1":
        return compare_macro_f1(gold, new, old, margin=margin)
    return compare_accuracies((new == gold).all(axis=-1), (old == gold).all(axis=-1), margin=margin)


def _frontier_names(fastest_first: Sequence[TriedModel]) -> set[str]:
    """Return the names of the models for which no other is both faster and better."""
    names, highest = set(), -1.0
    for model in fastest_first:
        if model.value > highest:
            names.add(model.name)
            highest = model.value
    return names


def _reason(
    model: TriedModel, chosen: TriedModel, best: TriedModel, violations: list[str], comparison: NonInferiority | None
) -> str:
    if violations or comparison is None:
        return f"outside the budget: {'; '.join(violations)}"
    figures = (
        f"{comparison.difference:+.4f} compared with {best.name}, at worst {comparison.low:+.4f} with 95 % confidence; "
        f"margin {comparison.margin:g}"
    )
    if model is chosen:
        if model is best:
            return "selected as the best within the budget"
        return f"selected as the cheapest that is not measurably worse than the best ({figures})"
    if model is best:
        return f"the best, but {chosen.name} is cheaper and not measurably worse"
    if comparison.non_inferior:
        return f"not measurably worse than the best, but {chosen.name} is cheaper ({figures})"
    verb = "is" if comparison.high < -comparison.margin else "may be"
    return f"{verb} worse than the best by more than the margin ({figures})"


def _no_model_fits(models: Sequence[TriedModel], budget: Budget, metric: str) -> ConfigError:
    closest = min(models, key=lambda model: (len(budget.violations(model)), -model.value), default=None)
    if closest is None:
        return ConfigError(
            "no model could be trained within the budget", expected=budget.describe(), hint="Widen the budget."
        )
    return ConfigError(
        "no model keeps the budget",
        found=f"closest: {closest.name}, {metric} {closest.value:.4f}: {'; '.join(budget.violations(closest))}",
        expected=budget.describe(),
        hint="Widen the budget, add rows, or check the labels (glossator wrangle --label-errors).",
    )
