"""Findings that need more than one reading of the corpus: leakage, texts longer than a window, labels to check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError, ExtraMissing
from glossator.workflows.corpus.reading import inspect_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.extras import require_extra
from glossator.workflows.report_files import write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.training.corpus.corpus import Corpus
    from glossator.training.corpus.finding import Finding
    from glossator.training.corpus.findings.entity_errors import SuspectWord
    from glossator.training.corpus.findings.label_errors import SuspectLabel
    from glossator.training.corpus.findings.leakage import Leakage


def find_leakage(corpus: Corpus, against: str, options: ReadingOptions, reporter: Reporter) -> Leakage:
    """Return which texts of the corpus are in the labelled source `against` too."""
    from glossator.training.corpus.findings.leakage import check_leakage

    other = inspect_corpus(against, options.for_evaluation(), reporter).corpus
    return check_leakage(other.input_keys(), corpus.input_keys())


def find_long_texts(corpus: Corpus, base: str, reporter: Reporter) -> list[Finding]:
    """Return a finding about texts longer than one window of the encoder; nothing without the extra [training]."""
    from glossator.training.corpus.findings import token_lengths

    if not token_lengths.may_have_long_texts(corpus):
        return []
    try:
        require_extra("training")
        return token_lengths.find_long_texts(corpus, base)
    except ExtraMissing as missing:
        reporter.stage(f"tokens are not counted: {missing.message}")
        return []


def find_wrong_labels(
    corpus: Corpus, base: str, reporter: Reporter
) -> tuple[list[SuspectLabel] | list[SuspectWord], Finding]:
    """Return the labels, or the words of entities, that are worth checking, and one finding about them.

    Every row is judged by classifiers that were trained without it, on vectors of the encoder `base`.
    """
    require_extra("training")
    from glossator.training.config import TrainingConfig
    from glossator.training.corpus.findings import entity_errors, label_errors
    from glossator.training.text_vectors import embed_texts, embed_words

    def progress(done: int) -> None:
        reporter.detail(f"{done:,} of {len(corpus):,} texts")

    reporter.stage(f"reading {len(corpus):,} texts with the encoder {base}")
    config = TrainingConfig(base=base)
    if corpus.task == "token-classification":
        words = embed_words(corpus.texts, config, progress=progress)
        reporter.stage("judging every word by classifiers that were trained without its text")
        entities = entity_errors.find_entity_errors(corpus, words)
        return entities, entity_errors.entity_error_finding(corpus, entities)
    vectors = embed_texts(corpus.texts, config, progress=progress)
    reporter.stage("judging every row by classifiers that were trained without it")
    labels = label_errors.find_label_errors(corpus, vectors)
    return labels, label_errors.label_error_finding(corpus, labels)


def write_review_tasks(
    path: Path, corpus: Corpus, suspects: Sequence[SuspectLabel] | Sequence[SuspectWord], reporter: Reporter
) -> None:
    """Write the suspects as tasks for Label Studio (.json) or Prodigy (.jsonl)."""
    from glossator.training.corpus.cleaning import review_queue
    from glossator.training.corpus.findings.entity_errors import SuspectWord

    if path.suffix not in (".json", ".jsonl"):
        raise ConfigError("unknown format of review tasks", found=path, expected="a name ending in .json or .jsonl")
    studio = path.suffix == ".json"
    words = [each for each in suspects if isinstance(each, SuspectWord)]
    labels = [each for each in suspects if not isinstance(each, SuspectWord)]
    if corpus.task == "token-classification":
        tasks = (review_queue.label_studio_entity_tasks if studio else review_queue.prodigy_entity_examples)(
            corpus, words
        )
    else:
        tasks = (review_queue.label_studio_tasks if studio else review_queue.prodigy_examples)(labels)
    write_files(path.parent, {path.name: tasks})
    rows = len({each.line for each in suspects})
    reporter.stage(f"wrote {rows:,} rows to review to {path}")
