"""The HTML reports in a folder or in a bundle: what they are about, and their content. Nothing is ever written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath

from glossator.service.api.problems import RouteNotFound
from glossator.service.bundle.reader import Bundle
from glossator.service.errors import BundleInvalid
from glossator.service.files.open_folder import OpenFolder
from glossator.service.files.regular_file import read_opened
from glossator.service.files.report_metadata import HEAD_BYTES, ReportMetadata, parse_report_metadata

SUFFIX = ".html"
MAX_BYTES = 64 * 2**20
"""Larger pages are not served."""
MAX_ENTRIES = 20_000
"""A folder with more files and folders is listed up to here."""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report: its path inside the folder or bundle, with `/`, and what it says about itself."""

    path: str
    about: ReportMetadata

    @property
    def created(self) -> datetime | None:
        """When it was written; None if it does not say so."""
        try:
            found = datetime.fromisoformat(self.about.created)
        except ValueError:
            return None
        return found if found.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The reports in a folder, the newest first.

    `is_complete`: the whole folder could be read, and is not larger than what is listed. `problem`: why it cannot be
    read, else empty.
    """

    reports: tuple[StoredReport, ...]
    is_complete: bool = True
    problem: str = ""


def list_folder(root: Path) -> FolderListing:
    """Return the reports below a folder. Files without our format marker are left out, links are not followed."""
    try:
        with OpenFolder(root) as folder:
            entries, is_complete = _entries(folder)
            found = list(_reports(folder, entries))
    except OSError as error:
        return FolderListing((), problem=os.strerror(error.errno or 0))
    found.sort(key=lambda each: (each.about.created, each.path), reverse=True)
    return FolderListing(tuple(found), is_complete)


def read_from_folder(root: Path, path: str) -> bytes:
    """Return the content of a report below a folder. Raises RouteNotFound if it is no report."""
    if PurePosixPath(path).suffix == SUFFIX and "\0" not in path:
        try:
            with OpenFolder(root) as folder:
                content = folder.read(path, max_bytes=MAX_BYTES)
        except OSError:
            content = b""
        if len(content) <= MAX_BYTES and parse_report_metadata(content) is not None:
            return content
    raise RouteNotFound("no such report", found=path, hint="The list of reports is at /ui/reports.")


def list_bundle(bundle: Bundle) -> tuple[StoredReport, ...]:
    """Return the pages in a bundle; one without our format marker gets its file name as title."""
    found = []
    for path in sorted(bundle.manifest.files):
        if PurePosixPath(path).suffix == SUFFIX:
            content = _read(bundle, path)
            about = None if content is None else parse_report_metadata(content)
            if content is not None:
                title = PurePosixPath(path).stem.replace("-", " ").capitalize()
                found.append(StoredReport(path, about or ReportMetadata(kind="evaluation", title=title)))
    return tuple(found)


def read_from_bundle(bundle: Bundle, path: str) -> bytes:
    """Return the content of a page of a bundle. Raises RouteNotFound if it has no such page, or if it has changed."""
    if path in bundle.manifest.files and PurePosixPath(path).suffix == SUFFIX:
        content = _read(bundle, path)
        if content is not None:
            return content
    raise RouteNotFound("no such report", found=path, hint="The page of the model lists its reports.")


def _entries(folder: OpenFolder) -> tuple[list[tuple[str, int]], bool]:
    """Return what is below a folder, and whether that is all: not too much, and every folder could be read."""
    entries: list[tuple[str, int]] = []
    try:
        for entry in islice(folder.entries(), MAX_ENTRIES + 1):
            entries.append(entry)  # what came before an error is kept
    except OSError:
        return entries, False
    return entries[:MAX_ENTRIES], len(entries) <= MAX_ENTRIES


def _reports(folder: OpenFolder, entries: list[tuple[str, int]]) -> Iterator[StoredReport]:
    for path, mode in entries:
        if not stat.S_ISREG(mode) or PurePosixPath(path).suffix != SUFFIX:
            continue
        try:
            about = parse_report_metadata(read_opened(folder.open(path), max_bytes=HEAD_BYTES))
        except OSError:
            continue  # removed meanwhile, or not readable for the server
        if about is not None:
            yield StoredReport(path, about)


def _read(bundle: Bundle, path: str) -> bytes | None:
    try:
        return bundle.read(path)
    except BundleInvalid:
        return None
