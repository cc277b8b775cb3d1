"""What `wrangle` writes: report, JSON, pictures and data card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.cli.support import corpus_options as corpora

if TYPE_CHECKING:
    from glossator.training.corpus.cleaning.cleaning_rules import CleanedCorpus
    from glossator.workflows.cleaned_folder import Written


def files(reading: corpora.Reading, mended: CleanedCorpus | None, written: Written | None) -> dict[str, str]:
    """Names and contents. The card and the pictures are of what comes out."""
    from glossator.evaluation.reports.html_page import page
    from glossator.training.corpus.reports.data_card import data_card
    from glossator.training.corpus.reports.plots import pictures

    corpus = reading.corpus if mended is None else mended.corpus
    drawn = pictures(corpus)
    words = "\n".join([*reading.report_lines(), *(mended_lines(written) if written else [])]) + "\n"
    card = data_card(corpus, file=written.file if written else None, changes=written.changes if written else None)
    return {
        "report.md": words,
        "report.html": page(words, title=f"Corpus {Path(corpus.source_name).name}", pictures=drawn),
        "report.json": json.dumps(reading.to_dict(), ensure_ascii=False, indent=2) + "\n",
        "README.md": card,
        **{f"{name}.svg": picture for name, picture in drawn.items()},
    }


def mended_lines(written: Written, folder: Path | None = None) -> list[str]:
    """What was mended, as lines of Markdown."""
    left_out = written.rows_in - written.rows_out - written.rejected
    lines = ["", "## Cleaned", ""]
    lines += [
        f"{written.rows_in:,} rows in = {written.rows_out:,} in {written.file} + {written.rejected:,} rejected + "
        f"{left_out:,} left out; {sum(written.changes.values()):,} changes:",
        "",
    ]
    lines += [f"- {rule}: {count:,}" for rule, count in written.changes.items()] or ["- none"]
    if folder is not None:
        told = (
            f"Every change stands in {folder / 'changes.jsonl'}; `glossator restore {folder} -o FILE` takes them back."
        )
        lines += ["", told]
    return lines
