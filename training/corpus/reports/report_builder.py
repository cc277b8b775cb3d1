"""Builds the report of a corpus: numbers, verdict, findings, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from glossator.evaluation.reports.document.report import Figure, Report, Section, Step, Tile, Verdict
from glossator.service.errors import Fault
from glossator.service.files.report_metadata import ReportMetadata
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.finding import DESCRIPTIONS, Finding
from glossator.training.corpus.reports.corpus_report import CHARACTERS, FINDINGS, READ, report_sections
from glossator.training.corpus.reports.plain_summary import SEVERITY, summarise

_LABELS, _WRONG_LABELS = "labels", "labels-worth-checking"
_FIGURES = {
    _LABELS: ("Rows per label", "The most frequent first. Models learn the short bars worst."),
    "lengths": ("Text lengths", "Most texts should be of one kind; a second hill often is another source."),
}
_ACTIONS = {
    "few-distinct-texts": ("Collect more different texts.", ""),
    "texts-without-words": ("Check whether the right column was read.", "glossator wrangle FILE --text-column NAME"),
    "texts-are-labels": ("Remove the labels from the texts: a model would only copy them.", ""),
    "labels-in-texts": ("Remove the labels from the texts: a model would only copy them.", ""),
    "nearly-unique-labels": (
        "Check whether the right label column was read.",
        "glossator wrangle FILE --label-column NAME",
    ),
    "probable-separator": (
        "Split the labels at their separator.",
        "glossator wrangle FILE --label-separator SEPARATOR",
    ),
    "leaked-texts": ("Remove these texts from one of the two files before you measure.", ""),
    _WRONG_LABELS: (
        "Have a person check these rows.",
        "glossator wrangle FILE --label-errors --review tasks.json",
    ),
    "conflicting-labels": ("Decide which label is right, and write down why.", ""),
    "personal-data": ("Mask personal data before anyone else gets the file.", ""),
    "other-languages": ("Check whether these texts belong here.", ""),
    "mixed-label-types": ("Write all labels in the same form.", ""),
    "alike-label-names": ("Check whether these labels are misspelt.", ""),
    "suspicious-label-names": ("Check these labels: they look like missing values.", ""),
    "class-imbalance": ("Label more rows of the rare labels.", "glossator suggest --help"),
    "rare-labels": ("Label more rows of these labels, or leave them out.", ""),
}
"""What to do about a finding, and the command for it."""
_CLEANED_BY_RULES = (
    "encoding-damage",
    "label-name-variants",
    "exact-duplicates",
    "control-characters",
    "html-remains",
    "unicode-form",
)
_MAX_STEPS = 5


def build_corpus_report(
    corpus: Corpus,
    metadata: ReportMetadata,
    *,
    plots: Mapping[str, str],
    described: str = "",
    faults: Sequence[Fault] = (),
    cleaned: Section | None = None,
    checked_labels: bool = False,
) -> Report:
    """Return the report.

    Args:
        corpus: The corpus as it was read.
        metadata: Title and origin; the headline is filled in.
        plots: SVG by name, as `draw_plots` returns them.
        described: A line about the source.
        faults: Why no model can be trained on the corpus.
        cleaned: What was changed in the cleaned copy, if one was written.
        checked_labels: Whether it was looked for wrong labels.
    """
    figures = {name: Figure(name, svg, *_FIGURES[name]) for name, svg in plots.items()}
    sections = report_sections(corpus, described=described, faults=faults)
    return Report(
        metadata=replace(metadata, headline=f"{len(corpus):,} of {corpus.rows_in:,} rows can be used"),
        verdict=_verdict(corpus, faults),
        summary="\n".join(summarise(corpus, faults)),
        tiles=_tiles(corpus),
        sections=tuple(_ordered([*sections, *([cleaned] if cleaned else [])], figures, corpus.findings)),
        next_steps=tuple(
            replace(each, command=each.command.replace("FILE", shlex.quote(metadata.data)))
            for each in _steps(corpus, faults, cleaned=cleaned is not None, checked_labels=checked_labels)
        ),
    )


def _ordered(
    sections: Sequence[Section], figures: Mapping[str, Figure], findings: Sequence[Finding]
) -> Iterator[Section]:
    """The sections with their plots: faults and findings first, how the file was read last and folded."""
    by_rank = sorted(sections, key=lambda each: (each.title in (READ, CHARACTERS), each.title != FINDINGS))
    by_rank.sort(key=lambda each: not each.title.startswith("Faults"))
    for section in by_rank:
        if section.title == FINDINGS and findings:
            yield replace(section, body="\n".join(f"- {each.message}" for each in findings))
            yield Section("Examples of the findings", section.body, folded=True)
        elif section.title.startswith("Labels: ") and _LABELS in figures:
            yield replace(section, figures=(figures[_LABELS],))
        elif section.title == CHARACTERS:
            yield replace(section, figures=tuple(each for name, each in figures.items() if name != _LABELS))
        else:
            yield replace(section, folded=section.title == READ)


def _tiles(corpus: Corpus) -> tuple[Tile, ...]:
    rejected, dropped = len(corpus.rejects), len(corpus.dropped)
    tiles = [
        Tile("Usable rows", f"{len(corpus):,}", f"of {corpus.rows_in:,}", "a model can be trained on them"),
        Tile(
            "Left out",
            f"{rejected + dropped:,}",
            f"{rejected:,} rejected, {dropped:,} dropped",
            "rejected: unusable; dropped: by a cleaning rule",
            "caution" if rejected > 0.05 * max(1, corpus.rows_in) else "neutral",
        ),
    ]
    counts = [count for count in corpus.label_counts().values() if count]
    if counts:
        ratio = max(counts) / min(counts)
        tiles.append(
            Tile(
                "Labels",
                f"{len(counts):,}",
                f"{min(counts):,} to {max(counts):,} rows each",
                "the rarest to the largest",
            )
        )
        tiles.append(
            Tile(
                "Imbalance",
                f"{ratio:.1f} : 1",
                "",
                "rows of the largest label for each row of the smallest",
                "caution" if ratio > 10 else "neutral",
            )
        )
    wrong = next((each for each in corpus.findings if each.name == _WRONG_LABELS), None)
    if wrong is not None:
        tiles.append(
            Tile("Labels to check", f"{wrong.count:,}", f"{wrong.share:.1%} of the rows", "probably wrong", "caution")
        )
    tiles.append(Tile("Findings", f"{len(corpus.findings):,}", "", "kinds of notable rows, listed below"))
    return tuple(tiles)


def _verdict(corpus: Corpus, faults: Sequence[Fault]) -> Verdict:
    if faults:
        return Verdict(
            "bad", f"no model can be trained on this corpus yet: {len(faults):,} faults must be fixed first."
        )
    serious = [each for each in _serious(corpus) if each.name not in _CLEANED_BY_RULES]
    if serious:
        worst = serious[0]
        return Verdict(
            "caution", f"a model can be trained, but first look at {worst.count:,} {DESCRIPTIONS[worst.name]}."
        )
    return Verdict("good", "a model can be trained on this corpus, and nothing serious was found.")


def _steps(corpus: Corpus, faults: Sequence[Fault], *, cleaned: bool, checked_labels: bool) -> tuple[Step, ...]:
    if faults:
        return tuple(Step(f"Fix {fault.name}.", fault.message) for fault in faults[:_MAX_STEPS])
    steps = []
    for finding in _serious(corpus):
        if finding.name in _ACTIONS:
            action, command = _ACTIONS[finding.name]
            steps.append(Step(action, f"{finding.count:,} {finding.description}.", command))
    steps = steps[: _MAX_STEPS - 2]
    cleanable = [each for each in corpus.findings if each.name in _CLEANED_BY_RULES]
    if cleanable and not cleaned:
        steps.append(
            Step(
                "Write a cleaned copy.",
                f"Rules repair {len(cleanable):,} of the findings; every change is recorded and can be undone.",
                "glossator wrangle FILE --apply -o cleaned",
            )
        )
    if not checked_labels and any(corpus.labels):
        steps.append(Step("Look for wrong labels.", "They limit every model.", "glossator wrangle FILE --label-errors"))
    steps.append(
        Step(
            "Train a model.",
            "`select` finds the cheapest that is good enough.",
            "glossator select FILE -o chosen" if corpus.task == "text-classification" else "glossator train FILE",
        )
    )
    return tuple(steps[:_MAX_STEPS])


def _serious(corpus: Corpus) -> list[Finding]:
    by_name = {finding.name: finding for finding in corpus.findings}
    return [by_name[name] for name in SEVERITY if name in by_name]
