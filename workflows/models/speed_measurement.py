"""Measures how fast a bundle answers on this machine and writes the result."""

from __future__ import annotations

import json
import shlex
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import InputError
from glossator.workflows.extras import require_extra
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter

if TYPE_CHECKING:
    from glossator.service.measuring.speed import Speed

MOST_TEXTS = 2_000


def measure_bundle_speed(
    bundle: Path,
    reporter: Reporter,
    *,
    texts: str | None = None,
    text_column: str | None = None,
    limit: int = MOST_TEXTS,
    threads: int | None = None,
    output: Path | None = None,
) -> Speed:
    """Measure throughput, latency and the share of the processor's limit.

    Args:
        bundle: The bundle's folder.
        reporter: Receives the progress.
        texts: A file with the texts to answer; None generates texts as long as the training texts.
        text_column: The column with the text; None detects it.
        limit: Read at most this many texts of the file.
        threads: CPU threads; None takes all that this process may use.
        output: Folder for the report, `bench.json` and the plot.
    """
    from glossator.service.inference.model import load
    from glossator.service.measuring.speed import measure_speed, typical_texts

    model = load(bundle, threads=threads)
    chosen = typical_texts(model) if texts is None else _read_texts(texts, text_column, limit)
    speed = measure_speed(model, chosen, stage=reporter.stage)
    if output is not None:
        require_extra("evaluation")
        from glossator.evaluation.reports.builders.speed import build_speed_report

        fields = speed.to_dict()
        about = report_metadata(
            "speed",
            f"Speed of {speed.model}",
            model=speed.model,
            data=f"{speed.texts:,} texts" + ("" if texts is None else f" of {texts}"),
            command=shlex.join(["glossator", "bench", str(bundle), *([] if texts is None else ["--texts", texts])]),
        )
        files = {"bench.json": json.dumps(fields, indent=2) + "\n"}
        write_files(output, files | render_files(build_speed_report(fields, about)))
    return speed


def _read_texts(source: str, text_column: str | None, limit: int) -> list[str]:
    """Return the first usable texts of a file."""
    from glossator.service.documents.sources.open_source import open_source
    from glossator.service.labelling.column_plan import plan_columns
    from glossator.service.labelling.row_mapping import RowMapper

    with open_source(source) as opened:
        rows = RowMapper(plan_columns(opened.columns, text_column=text_column, prefix="_bench_"), nested=True, model="")
        found = (rows.read_text(record) for record in opened.records())
        texts = list(islice((text for text in found if isinstance(text, str) and text.strip()), limit))
    if not texts:
        raise InputError(
            "there are no texts to measure with",
            found=source,
            expected="at least one row with a text",
            hint="Name the right column with --text-column, or leave --texts out.",
        )
    return texts
