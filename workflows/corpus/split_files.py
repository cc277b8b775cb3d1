"""Folders whose files are named by their split, such as `train.csv` and `test.csv`, as datasets are published."""

from __future__ import annotations

import glob
import os
from collections import Counter, defaultdict
from pathlib import Path

from glossator.service.documents.content_detection import CONLL, detect_annotated
from glossator.service.documents.formats.format_names import CONLL_SUFFIXES
from glossator.service.documents.many_files.file_lists import list_files
from glossator.service.errors import ConfigError, FileMissing
from glossator.service.files.compression import split_suffix
from glossator.training.corpus.reading.annotated.text_folders import is_folder_of_texts

_NO_ROWS = (".md", ".py", ".sh", ".yaml", ".yml", ".lock", ".arrow", ".safetensors", ".gitattributes", ".cff", ".svg")
"""Suffixes of files next to the rows that hold no rows."""
_SHOWN_KINDS = 8
_CHECKED_FILES = 20
"""The first files of a folder, which must be CoNLL; a later file that is not is a row with an error."""


def find_split_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split, in order: in the folder, else in its folder `data`, else in a folder per split.

    Empty if no file is named by a split. Raises ConfigError if a split has files of several formats.
    """
    from glossator.service.documents.split_names import split_of_name

    found: defaultdict[str, list[Path]] = defaultdict(list)
    for place in (folder, folder / "data"):
        for file in _files(place):
            kind = split_of_name(file.name)
            if kind is not None and _suffix(file) not in _NO_ROWS:
                found[kind].append(file)
        if found:
            break
    else:
        folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        kinds = {inner: split_of_name(inner.name) for inner in folders}
        if None not in kinds.values():
            for inner, kind in kinds.items():
                found[str(kind)] += _files_of_rows(inner) or [inner]
    splits = {kind: files for kind, files in found.items() if files}
    for kind, files in splits.items():
        suffixes = {_suffix(file) for file in files}
        if len(suffixes) > 1:
            raise ConfigError(
                f"the split {kind} of {folder} is there in several formats",
                found=", ".join(file.name for file in files[:_SHOWN_KINDS]),
                expected="files of one format for each split",
                hint="Name one file instead of the folder.",
            )
    return splits


def find_conll_pattern(folder: Path) -> str | None:
    """Return the pattern of the CoNLL files of a folder; None if other files with rows are in it."""
    try:
        files = list_files(str(folder))
    except FileMissing:
        return None
    files = [path for path in files if _suffix(path) not in _NO_ROWS and not _is_about(path)]
    suffixes = {path.suffix for path in files}
    if len(suffixes) != 1 or not all(map(_is_conll, files[:_CHECKED_FILES])):
        return None
    return os.path.join(glob.escape(str(folder)), "**", f"*{glob.escape(suffixes.pop())}")


def _is_conll(file: Path) -> bool:
    return _suffix(file) in CONLL_SUFFIXES or detect_annotated(str(file)) == CONLL


def _is_about(file: Path) -> bool:
    return file.stem.casefold() in ("readme", "license", "licence", "copying")


def describe_folder(folder: Path) -> str:
    """Return what a folder contains, in a few words.

    For example `2 folders (esp, ned), 8 .pdf files`.
    """
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    suffixes = Counter(path.suffix.lower() or "no suffix" for path in folder.iterdir() if path.is_file())
    parts = [
        f"{count:,} {suffix} file{'s' if count > 1 else ''}" for suffix, count in suffixes.most_common(_SHOWN_KINDS)
    ]
    if folders:
        shown = ", ".join(folders[:3]) + (", ..." if len(folders) > 3 else "")
        parts.insert(0, f"{len(folders):,} folder{'s' if len(folders) > 1 else ''} ({shown})")
    return ", ".join(parts) or "nothing"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _files_of_rows(folder: Path) -> list[Path]:
    """Return the files with rows in the folder of a split; none if it has one text per file, or folders of texts."""
    if is_folder_of_texts(folder):
        return []
    files = [file for file in _files(folder) if _suffix(file) not in _NO_ROWS]
    return [] if all(_suffix(file) == ".txt" for file in files) else files


def _suffix(file: Path) -> str:
    return Path(split_suffix(file.name.lower())[0]).suffix
