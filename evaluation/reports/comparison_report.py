"""Writes a comparison of models as Markdown: a verdict per model, the figures, and rows where the answers differ."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.evaluation.analysis.comparison import Comparison
from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.gold_labels import count_unknown
from glossator.evaluation.metrics.model_answers import ModelAnswers
from glossator.evaluation.reports.cautions import leakage_line, unchecked_line, unknown_labels_line
from glossator.evaluation.reports.document.report import Section
from glossator.evaluation.reports.document.report_markdown import sections_markdown
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.bundle.metric_names import METRIC_NAMES
from glossator.service.bundle.task import TokenClassification
from glossator.service.errors import shorten
from glossator.service.tasks.decoders import decoder

MAX_EXAMPLES = 5


def comparison_report(
    rows: LabelledRows,
    answers: Sequence[ModelAnswers],
    comparisons: Sequence[Comparison],
    leakages: Sequence[RowLeakage] = (),
) -> str:
    """Return the report; `answers` and `leakages` are those of the baseline first, then of each compared model."""
    first = comparisons[0]
    metric = METRIC_NAMES.get(first.metric, first.metric)
    unchecked = unchecked_line(leakages)
    figures, *examples = comparison_sections(rows, answers, comparisons)
    parts = [
        *(line for each in leakages if (line := leakage_line(each, name_model=True))),
        f"## Comparison with {first.baseline}: {metric} on {len(rows):,} rows",
        *unknown_labels(rows, answers[0]),
        *(verdict_text(each) for each in comparisons),
        figures.body,
        *sections_markdown(examples, level=3),
        *([unchecked] if unchecked else []),
    ]
    return "\n\n".join(parts) + "\n"


def comparison_sections(
    rows: LabelledRows, answers: Sequence[ModelAnswers], comparisons: Sequence[Comparison]
) -> list[Section]:
    """Return the figures with their legend, then the rows that only one of two models gets right."""
    sections = [Section("All figures", f"{_figures(comparisons)}\n\n{_legend(comparisons[0])}")]
    for each, model in zip(comparisons, answers[1:], strict=True):
        for winner, places in ((each.name, each.gained), (each.baseline, each.lost)):
            if places:
                title = f"Rows that only {winner} gets right"
                if len(comparisons) > 1:
                    title += f", compared with {each.baseline if winner == each.name else each.name}"
                sections.append(Section(title, _examples(rows, places, answers[0], model)))
    return sections


def unknown_labels(rows: LabelledRows, model: ModelAnswers) -> list[str]:
    """Return a sentence about gold labels that the models lack, if there are any."""
    if model.decided is not None:
        labels, known, unit = [label for names in rows.labels for label in names], model.task.labels, "labels"
    elif isinstance(model.task, TokenClassification) and rows.spans is not None:
        labels, known, unit = [span.label for spans in rows.spans for span in spans], model.task.types, "entities"
    else:
        return []
    line = unknown_labels_line(count_unknown(labels, known), len(labels), unit=unit)
    return [line] if line else []


def verdict_text(each: Comparison) -> str:
    """Return a paragraph: is the model better, by how much, and could it be chance?"""
    metric = METRIC_NAMES.get(each.metric, each.metric)
    points = f"{abs(each.difference.value) * 100:.2f} points"
    chance = f"p = {each.p_corrected:.2g}"
    if each.verdict == "not shown":
        if each.difference.value == 0:
            result = f"Its {metric} equals that of {each.baseline}."
        else:
            side = "above" if each.difference.value > 0 else "below"
            result = f"Its {metric} is {points} {side} that of {each.baseline}, which chance can explain ({chance})."
        verdict = (
            f"**{each.name}: no difference found.** {result} This test set can detect differences of about "
            f"{each.detectable * 100:.1f} points or more."
        )
    else:
        sign = 1 if each.verdict == "better" else -1
        low, high = sorted(100 * sign * bound for bound in (each.difference.low, each.difference.high))
        verdict = (
            f"**{each.name} is {each.verdict}** than {each.baseline} by {points} of {metric} (95 % interval "
            f"{low:.2f} to {high:.2f}). Chance is an unlikely explanation ({chance})."
        )
    if each.margin is not None:
        bound = f"at worst, the difference is {each.bound * 100:+.2f} points with 95 % confidence"
        if each.non_inferior:
            verdict += f" It is at most {each.margin * 100:g} points worse (non-inferior): {bound}."
        else:
            verdict += (
                f" It may be more than {each.margin * 100:g} points worse (not shown to be non-inferior): {bound}."
            )
    return verdict


def _figures(comparisons: Sequence[Comparison]) -> str:
    metric = METRIC_NAMES.get(comparisons[0].metric, comparisons[0].metric)
    header = [
        "model", metric, "difference", "95 % interval", "p", "p, corrected", "detectable", "gained", "lost",
    ]  # fmt: skip
    baseline = [comparisons[0].baseline, f"{comparisons[0].baseline_value:.4f}", *[""] * 7]
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
        for each in comparisons
    ]
    return markdown_table(header, [baseline, *table], right=range(1, 9))


def _legend(first: Comparison) -> str:
    return "\n".join([
        "- 95 % interval: of the difference, by paired bootstrap over the rows.",
        f"- p: how probable a difference of at least this size is if the models are equally good ({first.test}).",
        "- p, corrected: the same, corrected for the number of models compared (Holm).",
        "- detectable: the smallest true difference that a test set like this one reveals four times out of five.",
        "- gained: rows that only this model gets right; lost: rows that only the baseline gets right.",
        "",
        "The terms are explained in docs/glossary.md.",
    ])  # fmt: skip


def _examples(rows: LabelledRows, places: Sequence[int], old: ModelAnswers, new: ModelAnswers) -> str:
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
    return markdown_table(["row", "text", "gold", old.name, new.name], table)


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
