"""A data card: what a corpus holds and how it came about, in the form that Hugging Face's hub reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from glossator.evaluation.languages import detect_languages
from glossator.evaluation.markdown import code_span
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.reports.plain_summary import summary

_CATEGORIES = {
    "text-classification": "text-classification",
    "text-pair": "text-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "text-embedding": "feature-extraction",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LEAST_SHARE = 0.01
_TOLD_ROWS = 2_000


def data_card(corpus: Corpus, *, file: str | None = None, changes: Mapping[str, int] | None = None) -> str:
    """The card as Markdown with a YAML head. `file` is the data file beside the card, `changes` how many changes each
    rule made on the way to it."""
    head = ["---", *_listed("language", _languages(corpus)), *_listed("task_categories", [_CATEGORIES[corpus.task]])]
    head += _listed("size_categories", [next((name for most, name in _SIZES if len(corpus) < most), "n>1M")])
    if file is not None:
        head += ["configs:", "- config_name: default", f"  data_files: {file}"]
    columns, name = corpus.columns, Path(corpus.source_name).name
    lines = [*head, "---", "", f"# {code_span(name)}", "", *summary(corpus), "", "## Columns", ""]
    lines += [f"- {code_span(columns.text)}: the text"]
    lines += [f"- {code_span(columns.second)}: the second text"] if columns.second else []
    lines += [f"- {code_span(columns.label)}: what is to be learnt"] if columns.label else []
    others = [name for name in columns.existing if name not in (columns.text, columns.second, columns.label)]
    lines += [f"- {code_span(other)}: not read" for other in others]
    if corpus.label_names and corpus.scores is None:
        lines += ["", "## Labels", "", "| label | rows |", "|---|---:|"]
        counts = sorted(corpus.label_counts().items(), key=lambda item: (-item[1], item[0]))
        lines += [f"| {code_span(name).replace('|', chr(92) + '|')} | {count:,} |" for name, count in counts]
    lines += ["", "## Where it comes from", "", f"- Source: {code_span(name)}, {corpus.rows_in:,} rows"]
    if changes is not None:
        lines += ["- Cleaned by `glossator wrangle --apply`; `glossator restore` takes it back:"]
        lines += [f"  - {rule}: {count:,}" for rule, count in changes.items()] or ["  - nothing had to be changed"]
    lines += [f"- Fingerprint of the rows, whatever their order: {code_span(corpus.fingerprint())}", ""]
    lines += ["## What is known to be wrong with it", ""]
    lines += [f"- {finding.name}: {finding.count:,} ({finding.share:.1%})" for finding in corpus.findings] or [
        "Nothing."
    ]
    return "\n".join(lines) + "\n"


def _languages(corpus: Corpus) -> list[str]:
    """Those of one text in a hundred or more, the commonest first."""
    told = [language for language in detect_languages(corpus.texts[:_TOLD_ROWS]) if language is not None]
    counts = {language: told.count(language) for language in sorted(set(told))}
    return [name for name in sorted(counts, key=lambda name: -counts[name]) if counts[name] >= _LEAST_SHARE * len(told)]


def _listed(key: str, values: Sequence[str]) -> list[str]:
    return [f"{key}:", *(f"- {value}" for value in values)] if values else []
