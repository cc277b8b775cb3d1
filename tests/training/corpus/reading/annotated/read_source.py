"""Reads a source as `train` does, for tests of annotated formats."""

from __future__ import annotations

from pathlib import Path

from glossator.training.corpus.corpus import Corpus
from glossator.workflows.corpus.reading import inspect_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter


def read_source(path: Path, **options: str) -> Corpus:
    """Return the corpus of a source."""
    return inspect_corpus(str(path), ReadingOptions(**options), Reporter()).corpus  # type: ignore[arg-type]


def entities(corpus: Corpus) -> list[list[tuple[str, str]]]:
    """Return the texts and types of the entities of each row."""
    assert corpus.spans is not None
    return [
        [(text[span.start : span.end], span.label) for span in spans]
        for text, spans in zip(corpus.texts, corpus.spans, strict=True)
    ]


def finding_counts(corpus: Corpus) -> dict[str, int]:
    """Return the number of rows of each finding."""
    return {finding.name: finding.count for finding in corpus.findings}


def reject_reasons(corpus: Corpus) -> list[str]:
    """Return the reason of each reject."""
    return [reject.reason for reject in corpus.rejects]
