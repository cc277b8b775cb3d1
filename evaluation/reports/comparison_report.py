"""A comparison in plain words, then in tables."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.evaluation.analysis.comparison import Comparison
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.metric_names import METRIC_NAMES
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import shorten
from glossator.service.tasks.decoders import decoder

MAX_EXAMPLES = 5


def comparison_report(rows: LabelledRows, answers: Sequence[ModelAnswers], found: Sequence[Comparison]) -> str:
    """The verdict on each model, the figures behind it, and rows that were gained and lost."""
    metric = METRIC_NAMES.get(found[0].metric, found[0].metric)
    parts = [
        f"## {metric} on {len(rows):,} rows, beside {found[0].baseline}",
        *(_verdict_sentence(each) for each in found),
    ]
    table = [
        [
            each.name,
            f"{each.value:.4f}",
            f"{each.difference.value:+.4f}",
            f"{each.difference.low:+.4f} to {each.difference.high:+.4f}",
            f"{each.p_value:.3g}",
            f"{each.p_corrected:.3g}",
            f"{each.detectable:.4f}",
            f"{len(each.gained):,}",
            f"{len(each.lost):,}",
        ]
        for each in found
    ]
    header = ["model", metric, "difference", "95 % interval", "p", "p, Holm", "could be shown", "gained", "lost"]
    parts += [
        markdown_table(
            header, [[found[0].baseline, f"{found[0].baseline_value:.4f}", *[""] * 7], *table], right=range(1, 9)
        ),
        f'p: {found[0].test}, two-sided; intervals by the paired bootstrap. "Could be shown" is the smallest true '
        "difference that rows like these find four times in five. Gained rows are right with this model alone, lost "
        "ones with the baseline alone.",
    ]
    for each, model in zip(found, answers[1:], strict=True):
        for title, places in (("gained", each.gained), ("lost", each.lost)):
            if places:
                parts += [f"### Rows {title}: {each.name}", _changed_rows_table(rows, places, answers[0], model)]
    return "\n\n".join(parts) + "\n"


def _verdict_sentence(each: Comparison) -> str:
    points = f"{abs(each.difference.value) * 100:.2f} points"
    if each.verdict == "not shown":
        side = "above" if each.difference.value >= 0 else "below"
        said = (
            f"**{each.name}: no difference is shown.** It is {points} {side} {each.baseline}, which chance explains "
            f"(p = {each.p_corrected:.2g}); these rows could have shown "
            f"{each.detectable * 100:.2f} points."
        )
    else:
        said = f"**{each.name} is {each.verdict}** than {each.baseline} by {points} (p = {each.p_corrected:.2g})."
    if each.margin is not None:
        shown = "It is shown to be" if each.non_inferior else "It is not shown to be"
        said += (
            f" {shown} non-inferior within {each.margin * 100:g} points: the one-sided 95 % bound is "
            f"{each.bound * 100:+.2f} points."
        )
    return said


def _changed_rows_table(rows: LabelledRows, places: Sequence[int], old: ModelAnswers, new: ModelAnswers) -> str:
    table = [
        [
            str(place + 1),
            shorten(_row_text(rows, place)),
            _gold_text(rows, place),
            _answer_text(old, place),
            _answer_text(new, place),
        ]
        for place in places[:MAX_EXAMPLES]
    ]
    return markdown_table(["row", "text", "true", old.name, new.name], table)


def _row_text(rows: LabelledRows, place: int) -> str:
    return rows.texts[place] if rows.seconds is None else f"{rows.texts[place]} / {rows.seconds[place]}"


def _gold_text(rows: LabelledRows, place: int) -> str:
    if rows.scores is not None:
        return f"{rows.scores[place]:g}"
    if rows.spans is not None:
        text = rows.texts if rows.seconds is None else rows.seconds
        return ", ".join(f"{text[place][span.start : span.end]} ({span.label})" for span in rows.spans[place])
    return ", ".join(rows.labels[place])


def _answer_text(model: ModelAnswers, place: int) -> str:
    if model.decided is not None:
        return ", ".join(
            label for label, given in zip(model.task.labels, model.decided[place].tolist(), strict=True) if given
        )
    assert model.predictions is not None
    labels, score = decoder(model.task).summary(model.predictions[place])
    return ", ".join(labels) or f"{score:.3g}"
