"""Checks a labelled source and, if wanted, writes a cleaned copy with a report."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError
from glossator.workflows.corpus.cleaned_folder import CleaningSummary, check_can_apply, write_cleaned
from glossator.workflows.corpus.findings import find_leakage, find_long_texts, find_wrong_labels, write_review_tasks
from glossator.workflows.corpus.reading import CorpusReading, inspect_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.corpus.cleaning.cleaning_rules import CleanedCorpus
    from glossator.training.corpus.findings.entity_errors import SuspectWord
    from glossator.training.corpus.findings.label_errors import SuspectLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class WranglingOptions:
    """What to look for beyond the reading itself, what to clean, and where to write it."""

    base: str = "starter"
    against: str | None = None
    """A labelled source that must share no text with this one, such as the test file."""
    label_errors: bool = False
    review: Path | None = None
    """File for the suspects as tasks of a labelling tool."""
    apply: bool = False
    more_rules: tuple[str, ...] = ()
    without_rules: tuple[str, ...] = ()
    drop_rare: bool = False
    """Leave out classes with a single row; without `apply` in the report only."""
    answers: Path | None = None
    """What reviewers answered: an export of the labelling tool."""
    rejects: Path | None = None
    output: Path | None = None
    overwrite: bool = False

    def check(self, source: str) -> None:
        """Raise ConfigError for options that need others, OutputError if the output folder exists."""
        from glossator.service.bundle.file_names import FOLDER_MARKERS
        from glossator.service.files.atomic_folder import check_destination

        if self.review is not None and not self.label_errors:
            raise ConfigError("--review needs --label-errors", hint="Give both.")
        if self.apply and self.output is None:
            raise ConfigError("--apply needs --output", hint="Name a folder for the cleaned copy: -o cleaned.")
        if not self.apply and (self.more_rules or self.without_rules or self.answers):
            raise ConfigError("--rule, --without-rule and --answers need --apply", hint="Give --apply too.")
        if self.apply:
            check_can_apply(source)
        if self.output is not None:
            check_destination(self.output, overwrite=self.overwrite, markers=FOLDER_MARKERS)


@dataclass(frozen=True, slots=True)
class WrangledCorpus:
    """The reading with all its findings, the suspects, and a summary if a cleaned copy was written."""

    reading: CorpusReading
    suspects: Sequence[SuspectLabel] | Sequence[SuspectWord] = field(default_factory=list)
    cleaned: CleaningSummary | None = None


def wrangle_corpus(
    source: str, reading_options: ReadingOptions, options: WranglingOptions, reporter: Reporter
) -> WrangledCorpus:
    """Read a source, find what is notable in it, and write the cleaned copy and the report if asked for.

    The source itself is never changed. If it cannot be trained on, `reading.error` says why; nothing is cleaned then.
    """
    require_extra("evaluation")
    from glossator.service.bundle.file_names import FOLDER_MARKERS
    from glossator.service.files.atomic_folder import atomic_folder
    from glossator.training.corpus.cleaning.cleaning_rules import DUPLICATES, choose_rules, clean
    from glossator.training.corpus.cleaning.label_names import RARE, VARIANTS
    from glossator.training.corpus.cleaning.review_queue import read_answers
    from glossator.training.corpus.findings.leakage import leakage_findings
    from glossator.training.corpus.reading.token_rows import SUBJECT

    more = (*options.more_rules, RARE) if options.drop_rare else options.more_rules
    rules = choose_rules(more, options.without_rules)
    options.check(source)
    reading_options = replace(
        reading_options,
        drop_duplicates=DUPLICATES in rules,
        drop_rare=RARE in rules,
        fix_label_names=VARIANTS in rules,
    )
    reading = inspect_corpus(source, reading_options, reporter, rejects=options.rejects)
    leakage = None
    if len(reading.corpus):
        if options.against is not None:
            leakage = find_leakage(reading.corpus, options.against, reading_options, reporter)
            reading = reading.with_findings(leakage_findings(reading.corpus, leakage, options.against))
        reading = reading.with_findings(find_long_texts(reading.corpus, options.base, reporter))
    suspects: Sequence[SuspectLabel] | Sequence[SuspectWord] = []
    if options.label_errors and reading.error is None:
        suspects, found = find_wrong_labels(reading.corpus, options.base, reporter)
        reading = reading.with_findings([found] if suspects else [])
        if options.review is not None:
            write_review_tasks(options.review, reading.corpus, suspects, reporter)
    cleaned = None
    if options.apply and reading.error is None:
        if any(decision.subject == SUBJECT for decision in reading.corpus.decisions):
            raise ConfigError(
                "--apply cleans rows of texts, but this table has one token per row",
                found=source,
                expected="one text per row",
                hint="Leave out --apply: texts with entities are not changed anyway.",
            )
        answers = read_answers(options.answers) if options.answers is not None else []
        cleaned = clean(reading.corpus, rules, leakage=leakage, answers=answers)
    summary = None
    if options.output is not None:
        with atomic_folder(options.output, overwrite=options.overwrite, markers=FOLDER_MARKERS) as folder:
            if cleaned is not None:
                summary = write_cleaned(source, reading_options, cleaned, folder, reporter)
            files = _report_files(source, reading, suspects, cleaned, summary, checked_labels=options.label_errors)
            write_files(folder, files)
        reporter.stage(f"wrote {options.output}")
    return WrangledCorpus(reading, suspects, summary)


def _report_files(
    source: str,
    reading: CorpusReading,
    suspects: Sequence[SuspectLabel] | Sequence[SuspectWord],
    cleaned: CleanedCorpus | None,
    summary: CleaningSummary | None,
    *,
    checked_labels: bool,
) -> dict[str, str]:
    """Return the report, the data card and the plots by file name; card and plots describe the cleaned rows."""
    from glossator.evaluation.reports.document.report import Section
    from glossator.training.corpus.reports.data_card import data_card
    from glossator.training.corpus.reports.plots import draw_plots
    from glossator.training.corpus.reports.report_builder import build_corpus_report

    corpus = reading.corpus if cleaned is None else cleaned.corpus
    name = Path(corpus.source_name).name
    report = build_corpus_report(
        reading.corpus,
        report_metadata("corpus", f"Corpus {name}", data=source, command=shlex.join(["glossator", "wrangle", source])),
        plots=draw_plots(corpus),
        described=reading.description,
        faults=reading.error.faults if reading.error else (),
        cleaned=Section("Cleaned", "\n".join(summary.lines())) if summary else None,
        checked_labels=checked_labels,
    )
    card = data_card(corpus, file=summary.file if summary else None, changes=summary.changes if summary else None)
    fields = reading.to_dict()
    if suspects:
        fields |= {"suspects": [each.to_dict() for each in suspects]}
    return {
        **render_files(report),
        "report.json": json.dumps(fields, ensure_ascii=False, indent=2) + "\n",
        "README.md": card,
    }
