"""Analyses the errors of a model: weak slices, examples of mistakes, robustness, the change since the last run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glossator.evaluation.analysis.comparison import Comparison, correct_rows
from glossator.evaluation.analysis.robustness import measure_robustness
from glossator.evaluation.analysis.slices import MIN_ROWS, Slice, evaluate_slices
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import shorten
from glossator.service.inference.pipeline import Pipeline

MAX_EXAMPLES = 3
MAX_CONFUSIONS = 5


@dataclass(frozen=True, slots=True)
class Mistakes:
    """A confusion with some of its texts: rows of label `gold` that were labelled `decided`."""

    gold: str
    decided: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """The parts of an error analysis.

    `robustness` is empty unless it was requested, `change_since_last_run` if there is no earlier run on these rows.
    """

    slices: list[Slice]
    mistakes: list[Mistakes] = field(default_factory=list)
    robustness: list[Comparison] = field(default_factory=list)
    change_since_last_run: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return {
            "slices": [each.to_dict() for each in self.slices],
            "mistakes": [{"gold": each.gold, "decided": each.decided, "texts": each.texts} for each in self.mistakes],
            "robustness": [each.to_dict() for each in self.robustness],
        }


def analyse_errors(
    pipeline: Pipeline,
    rows: LabelledRows,
    evaluation: AnyEvaluation,
    answers: ModelAnswers,
    *,
    slice_by: Sequence[str] = (),
    languages: Sequence[str] | None = None,
    check_robustness: bool = False,
    change_since_last_run: str = "",
) -> ErrorAnalysis:
    """Analyse the errors of a model on labelled rows.

    Args:
        pipeline: The model.
        rows: The rows.
        evaluation: The metrics of the model on the rows.
        answers: The answers of the model to the rows.
        slice_by: Columns of `rows.extra` whose values define slices.
        languages: The language of each row, for slices by language.
        check_robustness: Measure the model on changed texts too.
        change_since_last_run: A sentence about an earlier run, for the report.

    Raises:
        ConfigError: A column in `slice_by` has too few repeated values.
    """
    keys: dict[str, Sequence[str]] = {name: rows.extra[name] for name in slice_by}
    counts = Counter(languages or ())
    if len(counts) > 1 and max(counts.values()) >= MIN_ROWS:
        keys = {"language": list(languages or ()), **keys}
    return ErrorAnalysis(
        slices=evaluate_slices(rows, correct_rows(rows, answers), keys),
        mistakes=_find_mistakes(rows, answers, evaluation) if isinstance(evaluation, Evaluation) else [],
        robustness=measure_robustness(pipeline, rows, answers) if check_robustness else [],
        change_since_last_run=change_since_last_run,
    )


def change_since_run(metrics: Mapping[str, float], evaluation: AnyEvaluation, run: str) -> str:
    """Return a sentence that compares the headline metric with that of an earlier run; empty if it lacks the metric."""
    name, now = next(iter(evaluation.metrics.items()))
    if name not in metrics:
        return ""
    difference = now.value - metrics[name]
    change = "unchanged" if abs(difference) < 5e-5 else "higher" if difference > 0 else "lower"
    return (
        f"On the same rows, {name} was {metrics[name]:.4f} in run `{run}` and is {now.value:.4f} now: {change}. To see "
        "whether chance can explain a difference, use `glossator compare`."
    )


def _find_mistakes(rows: LabelledRows, answers: ModelAnswers, evaluation: Evaluation) -> list[Mistakes]:
    assert answers.decided is not None
    if evaluation.confusion is None:
        return []
    decided = answers.decided.argmax(axis=1)
    index_of = {name: index for index, name in enumerate(evaluation.labels)}
    gold = np.array([index_of[names[0]] for names in rows.labels])
    mistakes = []
    for each in evaluation.top_confusions(MAX_CONFUSIONS):
        confused = np.flatnonzero((gold == index_of[each.gold]) & (decided == index_of[each.predicted]))[:MAX_EXAMPLES]
        mistakes.append(
            Mistakes(each.gold, each.predicted, tuple(shorten(rows.texts[row], 120) for row in confused.tolist()))
        )
    return mistakes
