"""The report on a corpus, as JSON-ready fields and as Markdown: rows read, kept and left out, labels, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from glossator.evaluation.markdown import code_span
from glossator.evaluation.reports.document.report import Section
from glossator.service.errors import Fault
from glossator.training.corpus.corpus import Corpus, DroppedRow, Reject
from glossator.training.corpus.reports.plain_summary import summarise

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_EXAMPLES = 3
READ, CHARACTERS, FINDINGS = "What was read", "Characters per text", "Findings"
"""Titles of sections."""


def to_dict(corpus: Corpus, *, described: str = "", faults: Sequence[Fault] = ()) -> dict[str, Any]:
    """The report as JSON-ready fields.

    `described` is a line about the source (format, encoding, delimiter); `faults` are those of an UnusableCorpus.
    `rows.in` is always the sum of kept, rejected and dropped.
    """
    counts = corpus.label_counts()
    present = [count for count in counts.values() if count]
    lengths = [len(text) for text in corpus.texts]
    return {
        "source": corpus.source_name,
        "described": described,
        "columns": {
            "text": {"name": corpus.columns.text, "why": corpus.columns.text_why},
            "label": {"name": corpus.columns.label, "why": corpus.columns.label_why},
            "existing": list(corpus.columns.existing),
        },
        "decisions": [decision.to_dict() for decision in corpus.decisions],
        "problem": corpus.describe_problem(),
        "problem_type": {"name": corpus.problem_type, "why": corpus.columns.problem_type_why},
        "rows": {
            "in": corpus.rows_in,
            "kept": len(corpus),
            "rejected": len(corpus.rejects),
            "dropped": len(corpus.dropped),
        },
        "rejected": _by_reason(corpus.rejects),
        "dropped": _by_reason(corpus.dropped),
        "labels": counts,
        "labels_per_row": sum(map(len, corpus.labels)) / len(corpus) if len(corpus) else None,
        "imbalance_ratio": max(present) / min(present) if present else None,
        "text_characters": _quantiles(lengths),
        "findings": [asdict(finding) | {"description": finding.description} for finding in corpus.findings],
        "faults": [asdict(fault) for fault in faults],
        "fingerprint": corpus.fingerprint(),
    }


def report_lines(corpus: Corpus, *, described: str = "", faults: Sequence[Fault] = ()) -> list[str]:
    """The report as lines of Markdown, without line ends.

    Everything from the corpus is in code spans, so that it cannot change the formatting.
    """
    lines = [f"# Corpus report: {code_span(corpus.source_name)}", "", *summarise(corpus, faults)]
    for section in report_sections(corpus, described=described, faults=faults):
        lines += ["", f"## {section.title}", "", *section.body.split("\n")]
    return lines


def report_sections(corpus: Corpus, *, described: str = "", faults: Sequence[Fault] = ()) -> list[Section]:
    """The parts of the report after its summary."""
    report = to_dict(corpus, described=described, faults=faults)
    rows, columns, problem = report["rows"], report["columns"], report["problem_type"]
    read = [
        *([f"- Source: {report['described']}"] if described else []),
        f"- Text: {_column(columns['text'])}",
        *_label_line(corpus),
        f"- All columns: {', '.join(map(code_span, columns['existing'])) or 'none'}",
        f"- Problem: {report['problem']}" + (f" ({problem['why']})" if problem["why"] else ""),
        *(f"- Decision: {code_span(decision.message, limit=1_000)}" for decision in corpus.decisions),
        f"- Rows: {rows['in']:,} in = {rows['kept']:,} kept + {rows['rejected']:,} rejected"
        f" + {rows['dropped']:,} dropped",
        f"- Fingerprint: {code_span(report['fingerprint'])}",
    ]
    sections = [Section(READ, "\n".join(read))]
    if report["faults"]:
        lines = [
            f"- {fault.name}: {code_span(f'{fault.where} {fault.message}'.strip(), limit=1_000)}" for fault in faults
        ]
        sections.append(Section("Faults: no model can be trained on this corpus", "\n".join(lines)))
    for title, reasons in (("Rejected rows", report["rejected"]), ("Dropped rows", report["dropped"])):
        if reasons:
            lines = []
            for reason, listed in reasons.items():
                lines.append(f"- {reason}: {listed['count']:,}")
                lines += [f"  - {code_span(example)}" for example in listed["examples"]]
            sections.append(Section(title, "\n".join(lines)))
    if report["labels"]:
        lines = []
        if report["imbalance_ratio"] is not None:
            lines += [f"The largest label has {report['imbalance_ratio']:.1f} times the rows of the smallest.", ""]
        lines += ["| label | rows | share |", "|---|---:|---:|"]
        ordered = sorted(report["labels"].items(), key=lambda item: (-item[1], item[0]))
        lines += [f"| {_cell(name)} | {count:,} | {count / max(1, len(corpus)):.1%} |" for name, count in ordered]
        sections.append(Section(f"Labels: {len(report['labels'])}", "\n".join(lines)))
    if report["text_characters"]:
        quantiles = report["text_characters"]
        lines = [f"| {' | '.join(quantiles)} |", "|" + "---:|" * len(quantiles)]
        lines += [f"| {' | '.join(f'{number:,}' for number in quantiles.values())} |"]
        sections.append(Section(CHARACTERS, "\n".join(lines)))
    lines = []
    for finding in corpus.findings:
        lines.append(f"- {finding.message}")
        lines += [f"  - {code_span(example)}" for example in finding.examples]
    return [*sections, Section(FINDINGS, "\n".join(lines) or "No findings.")]


def _column(found: Mapping[str, str]) -> str:
    """A column and why it was chosen, or why there is none."""
    return f"column {code_span(found['name'])} ({found['why']})" if found["name"] else f"none: {found['why']}"


def _label_line(corpus: Corpus) -> list[str]:
    """The columns of labels and why they were chosen; nothing if the task has none."""
    columns = corpus.columns.label_columns
    if not columns:
        return []
    noun = "columns" if len(columns) > 1 else "column"
    return [f"- Label: {noun} {', '.join(map(code_span, columns))} ({corpus.columns.label_why})"]


def _by_reason(rows: Sequence[Reject] | Sequence[DroppedRow]) -> dict[str, dict[str, Any]]:
    """The count and the first examples of each reason, the most frequent reason first."""
    reasons: dict[str, dict[str, Any]] = {}
    for row in rows:
        listed = reasons.setdefault(row.reason, {"count": 0, "examples": []})
        listed["count"] += 1
        if listed["count"] <= _EXAMPLES:
            listed["examples"].append(f"line {row.line}: {row.message}")
    return dict(sorted(reasons.items(), key=lambda item: (-item[1]["count"], item[0])))


def _quantiles(lengths: Sequence[int]) -> dict[str, int]:
    """Quantiles of the lengths of texts by name; empty if there is no text."""
    if not lengths:
        return {}
    values = np.quantile(np.asarray(lengths), _QUANTILES, method="inverted_cdf")  # (quantiles,)
    return {f"{quantile:.0%}": int(value) for quantile, value in zip(_QUANTILES, values, strict=True)}


def _cell(value: str) -> str:
    return code_span(value).replace("|", "\\|")
