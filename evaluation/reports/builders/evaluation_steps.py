"""What to do after an evaluation, by rules from its facts."""

from __future__ import annotations

from collections.abc import Iterator

from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.markdown import code_span
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.builders.evaluation_tiles import MAX_ECE
from glossator.evaluation.reports.document.report import Step
from glossator.evaluation.statistics.bootstrap import Estimate

FEWEST_ROWS = 20
"""A label with fewer test rows has an F1 that says little."""
WIDE_INTERVAL, WANTED_INTERVAL = 0.03, 0.02
"""Half the width of an interval that is too wide to decide by, and of one that is narrow enough."""
_MIN_CONFUSED, _MIN_CONFUSED_SHARE = 3, 0.1
_MAX_STEPS, _MAX_NAMED = 5, 4
_SHARES = ("accuracy", "macro_f1", "micro_f1", "f1", "exact_match", "nearest_accuracy")


def evaluation_steps(
    evaluation: AnyEvaluation, analysis: ErrorAnalysis | None = None, leakage: RowLeakage | None = None
) -> tuple[Step, ...]:
    """Return at most five steps, the most useful first; one that says so if nothing stands out."""
    found = [*_trust(evaluation, leakage), *_confusions(evaluation), *_labels(evaluation), *_analysis(analysis)]
    found += [*_calibration(evaluation), *_interval(evaluation)]
    if not found:
        return (
            Step(
                "Nothing stands out.",
                "Serve the model and measure its live accuracy with a few reviewed answers a week.",
                "glossator monitor --help",
            ),
        )
    return tuple(found[:_MAX_STEPS])


def _trust(evaluation: AnyEvaluation, leakage: RowLeakage | None) -> Iterator[Step]:
    if leakage is not None and leakage.seen:
        yield Step(
            "Measure again on rows that the model has not seen.",
            f"{leakage.seen:,} of {leakage.rows:,} rows are in its training texts, so this result says little.",
            "glossator evaluate MODEL OTHER_ROWS",
        )
    if evaluation.unknown_labels:
        names = ", ".join(code_span(name) for name in list(evaluation.unknown_labels)[:_MAX_NAMED])
        count = sum(evaluation.unknown_labels.values())
        yield Step(
            f"Train a model that knows {names}.",
            f"{count:,} gold labels are unknown to this model and always count as wrong. If they are other spellings, "
            "correct the file instead.",
        )


def _confusions(evaluation: AnyEvaluation) -> Iterator[Step]:
    """The worst pair of labels: relabel it, or merge it if both are taken for one another."""
    if not isinstance(evaluation, Evaluation) or evaluation.confusion is None:
        return
    frequent = [
        each
        for each in evaluation.top_confusions(10)
        if each.count >= _MIN_CONFUSED
        and each.share >= _MIN_CONFUSED_SHARE
        and each.gold not in evaluation.unknown_labels
    ]
    if not frequent:
        return
    worst = frequent[0]
    gold, predicted = code_span(worst.gold), code_span(worst.predicted)
    back = next((each for each in frequent if (each.gold, each.predicted) == (worst.predicted, worst.gold)), None)
    share = f"{100 * worst.share:.0f} % of the {gold} rows ({worst.count:,}) are labelled {predicted}"
    if back is not None:
        yield Step(
            f"Decide whether {gold} and {predicted} should be one label.",
            f"{share}, and {100 * back.share:.0f} % the other way. If people confuse them too, merge them or write "
            "down the difference and relabel both.",
        )
    else:
        yield Step(f"Check the {gold} rows that are labelled {predicted}.", f"{share}. Relabel those that are wrong.")
        yield Step(
            f"Label more rows of {gold} that look like {predicted}.",
            "The model learns the difference only from examples.",
        )


def _labels(evaluation: AnyEvaluation) -> Iterator[Step]:
    """Labels with too few rows to measure, and labels that are never predicted."""
    classes = evaluation.classes if isinstance(evaluation, Evaluation) else evaluation.types
    known = [each for each in classes if each.label not in evaluation.unknown_labels]
    rare = sorted((each for each in known if each.support < FEWEST_ROWS), key=lambda each: (each.f1, each.support))
    never = [each for each in known if each.support and not each.predicted]
    if never:
        names = _named([each.label for each in never])
        yield Step(
            f"Label more rows of {names}.",
            f"The model never predicts {'it' if len(never) == 1 else 'them'}: it has seen too few examples.",
        )
    rare = [each for each in rare if each not in never]
    if rare:
        total = sum(FEWEST_ROWS - each.support for each in rare)
        yield Step(
            f"Add test rows of {_named([each.label for each in rare])}.",
            f"Fewer than {FEWEST_ROWS} rows each: their F1 is mostly chance. About {total:,} more in all would do.",
        )


def _analysis(analysis: ErrorAnalysis | None) -> Iterator[Step]:
    if analysis is None:
        return
    worse = sorted((each for each in analysis.slices if each.worse), key=lambda each: each.right.value)
    if worse:
        each = worse[0]
        yield Step(
            f"Add training rows like the weak group: {code_span(each.by)} is {code_span(each.value)}.",
            f"{100 * each.right.value:.0f} % of its {each.rows:,} rows are right, {100 * each.elsewhere:.0f} % of all "
            "others.",
        )
    harmful = [each for each in analysis.robustness if each.verdict == "worse"]
    if harmful:
        most = min(harmful, key=lambda each: each.difference.value)
        yield Step(
            f"Train with texts changed by {code_span(most.name)}, if such texts occur.",
            f"This change costs {-100 * most.difference.value:.1f} points.",
        )


def _calibration(evaluation: AnyEvaluation) -> Iterator[Step]:
    if isinstance(evaluation, Evaluation) and evaluation.ece > MAX_ECE:
        yield Step(
            "Do not act on single probabilities yet.",
            f"Stated and true confidence differ by {100 * evaluation.ece:.0f} points on average. Export the model "
            "again with validation rows like these, which calibrates it.",
        )


def _interval(evaluation: AnyEvaluation) -> Iterator[Step]:
    found = next(((name, each) for name, each in evaluation.metrics.items() if name in _SHARES), None)
    if found is None:
        return
    half = half_width(found[1])
    if half > WIDE_INTERVAL:
        more = rows_for(evaluation.rows, half, WANTED_INTERVAL)
        yield Step(
            f"Label about {more:,} more test rows.",
            f"The result is only known to ±{100 * half:.1f} points; with them it is known to about "
            f"±{100 * WANTED_INTERVAL:.0f}.",
        )


def half_width(estimate: Estimate) -> float:
    """Return half the width of an interval."""
    return (estimate.high - estimate.low) / 2


def rows_for(rows: int, half: float, wanted: float) -> int:
    """Return how many more rows narrow an interval, whose width falls with the root of the rows; two digits."""
    more = max(1, round(rows * (half / wanted) ** 2) - rows)
    unit: int = 10 ** max(0, len(str(more)) - 2)
    return -(-more // unit) * unit


def _named(labels: list[str]) -> str:
    shown = ", ".join(map(code_span, labels[:_MAX_NAMED]))
    return f"{shown} and {len(labels) - _MAX_NAMED} more" if len(labels) > _MAX_NAMED else shown
