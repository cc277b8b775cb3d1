"""What lies below a measurement: parts of the rows, changed texts, mistakes as they are, and what came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glossator.evaluation.analysis.comparison import Comparison, correct_rows
from glossator.evaluation.analysis.robustness import measure_robustness
from glossator.evaluation.analysis.slices import Slice, evaluate_slices
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
    """Rows of `gold` that were called `decided`, as they stand in the file: a few of them."""

    gold: str
    decided: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """All of it; `robustness` is empty where it was not asked for, `before` what is said of an earlier run."""

    slices: list[Slice]
    mistakes: list[Mistakes] = field(default_factory=list)
    robustness: list[Comparison] = field(default_factory=list)
    before: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The details as plain fields."""
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
    change: bool = False,
    before: str = "",
) -> ErrorAnalysis:
    """The details of a measurement of `pipeline` on `rows`, and of its `answers`: slices by columns of `rows.extra`,
    and by `languages` (a name a row); the model on changed texts where `change` is set. Raises ConfigError for a column
    that parts nothing."""
    keys: dict[str, Sequence[str]] = {name: rows.extra[name] for name in slice_by}
    if languages is not None and len(set(languages)) > 1:
        keys = {"language": languages, **keys}
    return ErrorAnalysis(
        slices=evaluate_slices(rows, correct_rows(rows, answers), keys),
        mistakes=_find_mistakes(rows, answers, evaluation) if isinstance(evaluation, Evaluation) else [],
        robustness=measure_robustness(pipeline, rows, answers) if change else [],
        before=before,
    )


def change_since_run(metrics: Mapping[str, float], evaluation: AnyEvaluation, run: str) -> str:
    """How the headline metric stands to that of an earlier run on the same rows."""
    name, now = next(iter(evaluation.metrics.items()))
    if name not in metrics:
        return ""
    change = now.value - metrics[name]
    told = "the same" if abs(change) < 5e-5 else f"{'up' if change > 0 else 'down'} from {metrics[name]:.4f}"
    return (
        f"On the same rows run `{run}` had {name} {metrics[name]:.4f}; now it is {now.value:.4f}, {told}. Whether "
        "chance explains a difference between two models is for `glossator compare` to say."
    )


def _find_mistakes(rows: LabelledRows, answers: ModelAnswers, evaluation: Evaluation) -> list[Mistakes]:
    assert answers.decided is not None
    if evaluation.confusion is None:
        return []
    decided = answers.decided.argmax(axis=1)
    place = {name: index for index, name in enumerate(evaluation.labels)}
    gold = np.array([place[names[0]] for names in rows.labels])
    found = []
    for each in evaluation.top_confusions(MAX_CONFUSIONS):
        hit = np.flatnonzero((gold == place[each.gold]) & (decided == place[each.predicted]))[:MAX_EXAMPLES]
        found.append(Mistakes(each.gold, each.predicted, tuple(shorten(rows.texts[row], 120) for row in hit.tolist())))
    return found
