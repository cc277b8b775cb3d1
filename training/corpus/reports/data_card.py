"""A data card of a corpus: contents, origin and known problems, in the format of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from glossator.evaluation.language_detection import detect_languages
from glossator.evaluation.markdown import code_span
from glossator.training.corpus.corpus import Corpus
from glossator.training.corpus.reports.plain_summary import summarise

_CATEGORIES = {
    "text-classification": "text-classification",
    "text-pair": "text-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "text-embedding": "feature-extraction",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MIN_LANGUAGE_SHARE = 0.01
_LANGUAGE_ROWS = 2_000


def data_card(corpus: Corpus, *, file: str | None = None, changes: Mapping[str, int] | None = None) -> str:
    """The card as Markdown with YAML front matter.

    `file` is the data file next to the card; `changes` has the number of changes that each cleaning rule made.
    """
    head = [
        "---",
        *_yaml_list("language", _languages(corpus)),
        *_yaml_list("task_categories", [_CATEGORIES[corpus.task]]),
    ]
    head += _yaml_list("size_categories", [next((name for most, name in _SIZES if len(corpus) < most), "n>1M")])
    if file is not None:
        head += ["configs:", "- config_name: default", f"  data_files: {file}"]
    columns, name = corpus.columns, Path(corpus.source_name).name
    lines = [*head, "---", "", f"# {code_span(name)}", "", *summarise(corpus), "", "## Columns", ""]
    lines += [f"- {code_span(columns.text)}: the text"]
    lines += [f"- {code_span(columns.second)}: the second text"] if columns.second else []
    labels = columns.label_columns
    lines += [f"- {code_span(label)}: what models are trained to predict" for label in labels]
    others = [name for name in columns.existing if name not in (columns.text, columns.second, *labels)]
    lines += [f"- {code_span(other)}: not used" for other in others]
    if corpus.label_names and corpus.scores is None:
        lines += ["", "## Labels", "", "| label | rows |", "|---|---:|"]
        counts = sorted(corpus.label_counts().items(), key=lambda item: (-item[1], item[0]))
        lines += [f"| {code_span(name).replace('|', chr(92) + '|')} | {count:,} |" for name, count in counts]
    lines += ["", "## Where it comes from", "", f"- Source: {code_span(name)}, {corpus.rows_in:,} rows"]
    if changes is not None:
        lines += ["- Cleaned by `glossator wrangle --apply`; `glossator restore` undoes the changes:"]
        lines += [f"  - {rule}: {count:,}" for rule, count in changes.items()] or ["  - no changes"]
    lines += [f"- Fingerprint of the rows in any order: {code_span(corpus.fingerprint())}", ""]
    lines += ["## Known problems", ""]
    lines += [
        f"- {finding.name}: {finding.count:,} ({finding.share:.1%}) {finding.description}"
        for finding in corpus.findings
    ] or ["No findings."]
    return "\n".join(lines) + "\n"


def _languages(corpus: Corpus) -> list[str]:
    """The languages of at least 1 % of the first texts, the most frequent first."""
    detected = [language for language in detect_languages(corpus.texts[:_LANGUAGE_ROWS]) if language is not None]
    counts = {language: detected.count(language) for language in sorted(set(detected))}
    return [
        name
        for name in sorted(counts, key=lambda name: -counts[name])
        if counts[name] >= _MIN_LANGUAGE_SHARE * len(detected)
    ]


def _yaml_list(key: str, values: Sequence[str]) -> list[str]:
    return [f"{key}:", *(f"- {value}" for value in values)] if values else []
