"""Reads folders with one text per file: a folder per label, or texts and their labels in parallel folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from glossator.service.documents.decision import Decision
from glossator.service.documents.split_names import split_of_name
from glossator.service.errors import CorpusError, GlossatorError
from glossator.service.files.text_lines import text_lines
from glossator.training.corpus.reading.annotated.result import AnnotatedRows
from glossator.training.corpus.reading.entity_rows import TEXT
from glossator.training.corpus.row import SourceRow

_LABEL_FOLDERS = frozenset(
    {"label", "labels", "class", "classes", "tag", "tags", "annotation", "annotations", "ann", "anns", "gold", "key",
     "keys", "target", "targets", "truth", "y"}
)  # fmt: skip
_TEXT_FOLDERS = frozenset({"text", "texts", "txt", "doc", "docs", "documents", "data", "raw", "x", "images", "image"})
_UNLABELLED = re.compile(r"(?<![^\W_])(un-?(sup|supervised|labell?ed)|(no|without)[\W_]?labels?)(?![^\W_])")
"""A word in the names of folders whose texts have no label: `unsup` in the reviews of Maas et al. 2011."""
_MAX_LABEL_CHARACTERS = 80
_SAME_NAMES = 0.5


def is_folder_of_texts(folder: Path) -> bool:
    """True if a folder has folders with text files."""
    return any(_texts(child) for child in _folders(folder))


def read_text_folders(folder: Path, read_text: Callable[[Path], str]) -> AnnotatedRows:
    """The texts with their labels.

    Raises CorpusError for folders that are neither one folder per label nor texts and labels side by side.
    """
    folders = [child for child in _folders(folder) if _texts(child)]
    names = [child.name.casefold() for child in folders]
    if all(split_of_name(name) is not None for name in names):
        raise CorpusError(
            f"the folders of {folder.name} are splits, not labels",
            found=", ".join(child.name for child in folders),
            expected="one folder per label",
            hint=f"Give one of them: {folder / folders[0].name}.",
        )
    label_folder = _find_label_folder(folder, folders)
    if label_folder is not None:
        return _read_parallel(folder, label_folder, read_text)
    unlabelled = [child for child in folders if _is_unlabelled(child)]
    labelled = [child for child in folders if child not in unlabelled]
    if not labelled:
        raise CorpusError(
            f"no folder of {folder.name} is a label",
            found=", ".join(child.name for child in folders),
            expected="one folder per label",
            hint="These names say that the texts have no label. Rename a folder that is one.",
        )
    rows: list[SourceRow] = []
    for child in labelled:
        for file in _texts(child):
            fields: dict[str, object] = {"label": child.name, "file": file.relative_to(folder).as_posix()}
            rows.append(_read_row(len(rows) + 1, file, fields, read_text))
    return AnnotatedRows(rows, "one folder per label", _left_out(labelled, unlabelled))


def _is_unlabelled(folder: Path) -> bool:
    return _UNLABELLED.search(folder.name.casefold()) is not None


def _left_out(labelled: Sequence[Path], unlabelled: Sequence[Path]) -> list[Decision]:
    """The decision that folders next to those of labels are no labels; none if all folders are labels."""
    if not unlabelled:
        return []
    texts = ", ".join(f"{child.name} with {len(_texts(child)):,} texts" for child in unlabelled)
    why = f"left out: {texts}, whose name says that they have no label; rename a folder that is a label"
    return [Decision("labels", ", ".join(child.name for child in labelled), why, guessed=True)]


def _find_label_folder(folder: Path, folders: Sequence[Path]) -> Path | None:
    """The folder whose files have the labels of the files with the same names next to it, or None.

    It has a name such as `labels`, or its files are much shorter than the others and hold few different texts.
    """
    named = [child for child in folders if child.name.casefold() in _LABEL_FOLDERS]
    others = [child for child in _folders(folder) if child not in named]
    if named:
        for child in others:
            if child.name.casefold() in _TEXT_FOLDERS or _shares_names(named[0], child):
                return named[0]
    if len(folders) == 2 and _shares_names(*folders):
        for labels, texts in (folders, folders[::-1]):
            sizes = [sorted(file.stat().st_size for file in _texts(each)) for each in (labels, texts)]
            contents = {file.read_bytes()[: 4 * _MAX_LABEL_CHARACTERS] for file in _texts(labels)}
            middle = [size[len(size) // 2] for size in sizes]
            if middle[0] <= _MAX_LABEL_CHARACTERS and 3 * middle[0] < middle[1] and 2 * len(contents) <= len(sizes[0]):
                return labels
    return None


def _read_parallel(folder: Path, label_folder: Path, read_text: Callable[[Path], str]) -> AnnotatedRows:
    candidates = [child for child in _folders(folder) if child != label_folder and _texts(child)]
    candidates = [child for child in candidates if _shares_names(label_folder, child)]
    if len(candidates) != 1:
        found = ", ".join(child.name for child in _folders(folder))
        raise CorpusError(
            f"{folder.name} has a folder {label_folder.name}, but not one folder of texts with the same file names",
            found=f"folders {found}",
            expected=f"a folder with a .txt file for each file of {label_folder.name}, or one folder per label",
            hint="Only texts are read, no images. Write the texts and labels to one table if they lie elsewhere.",
        )
    (texts,) = candidates
    by_name = {file.stem: file for file in _texts(label_folder)}
    labels = {name: _read_labels(file, read_text) for name, file in by_name.items()}
    distinct = {label for found in labels.values() for label in found or ()}
    unusable = [name for name, found in labels.items() if found is None]
    if unusable or (len(labels) > 20 and len(distinct) > len(labels) / 2):
        example = by_name[unusable[0] if unusable else next(iter(labels))]
        raise CorpusError(
            f"{folder.name} has texts in {texts.name} and their annotations in {label_folder.name}, in a form that "
            "is not known",
            found=f"{example.relative_to(folder).as_posix()}: {read_text(example)[:60]}",
            expected="one label on each line of a file, and few different labels",
            hint="Write one table with a text and its labels in each row, for example as JSON Lines.",
        )
    rows = []
    for number, file in enumerate(_texts(texts), start=1):
        name = file.relative_to(folder).as_posix()
        if file.stem not in labels:
            why = f"missing-label-file: {name} has no file {label_folder.name}/{file.stem}.txt"
            rows.append(SourceRow(number, {}, CorpusError(why)))
            continue
        rows.append(_read_row(number, file, {"label": labels[file.stem], "file": name}, read_text))
    stems = {file.stem for file in _texts(texts)}
    for name in (name for name in by_name if name not in stems):
        why = f"missing-text-file: {label_folder.name}/{name}.txt has no text in {texts.name}"
        rows.append(SourceRow(len(rows) + 1, {}, CorpusError(why)))
    return AnnotatedRows(rows, f"texts in {texts.name}, their labels in {label_folder.name}")


def _read_labels(file: Path, read_text: Callable[[Path], str]) -> list[str] | None:
    """The labels in a file, one on each line; None if it holds something else."""
    lines = [line.strip() for line in text_lines(read_text(file)) if line.strip()] if file.stat().st_size else []
    return None if any(len(line) > _MAX_LABEL_CHARACTERS or "<" in line for line in lines) else lines


def _read_row(number: int, file: Path, fields: dict[str, object], read_text: Callable[[Path], str]) -> SourceRow:
    try:
        return SourceRow(number, {TEXT: read_text(file), **fields})
    except GlossatorError as error:
        return SourceRow(number, {}, error)


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith((".", "__")))


def _texts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def _shares_names(one: Path, other: Path) -> bool:
    """True if most files of the smaller folder have a file of the same name, of any suffix, in the other."""
    names = [{file.stem for file in each.iterdir() if file.is_file()} for each in (one, other)]
    return bool(names[0]) and len(names[0] & names[1]) >= _SAME_NAMES * min(map(len, names)) > 0
