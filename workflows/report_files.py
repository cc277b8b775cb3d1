"""Writes the files of a report into a folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import OutputError
from glossator.service.files.report_metadata import ReportKind, ReportMetadata

if TYPE_CHECKING:
    from glossator.evaluation.reports.document.report import Report
    from glossator.workflows.run_records import Run

REPORT, MARKDOWN = "report.html", "report.md"


def report_metadata(
    kind: ReportKind, title: str, *, model: str = "", data: str = "", command: str = "", run: Run | None = None
) -> ReportMetadata:
    """Return what the head of a report says about its origin.

    With a recorded `run`, its start and command line are taken; without one, now and `command`.
    """
    started = run.started if run is not None else ""
    if run is not None and run.arguments:
        command = shlex.join(["glossator", *run.arguments])
    return ReportMetadata(
        kind=kind,
        title=title,
        model=model,
        data=data,
        created=started or datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        run="" if run is None else run.id,
    )


def render_files(report: Report, *, html: str = REPORT, markdown: str = MARKDOWN) -> dict[str, str]:
    """Return a report as Markdown, as a page of HTML, and its plots, by file name."""
    from glossator.evaluation.reports.document.report_markdown import report_markdown
    from glossator.evaluation.reports.document.report_page import report_page

    plots = {f"{figure.name}.svg": figure.svg for figure in report.figures()}
    return {markdown: report_markdown(report), html: report_page(report), **plots}


def write_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write each file by its name, complete or not at all; creates the folder. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder cannot be created: {error.strerror}", found=folder, hint="Choose another --output."
        ) from error
    for name, content in contents.items():
        write_text(folder / name, content)


def write_text(path: Path, content: str) -> None:
    """Write one UTF-8 file, complete or not at all. Raises OutputError."""
    from glossator.service.files.atomic_file import AtomicFile

    file = AtomicFile(str(path))
    try:
        file.write(content.encode())
        file.commit()
    finally:
        file.discard()
