"""Reads standoff annotations of brat: entities in `.ann` files next to the `.txt` files that they refer to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glossator.service.errors import CorpusError, GlossatorError, shorten
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, Counted
from glossator.training.corpus.reading.entity_rows import SPANS, TEXT
from glossator.training.corpus.row import RowFault, SourceRow

_ENTITY = re.compile(r"(T\S+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
_KINDS = {"R": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "normalisations", "#": "notes",
          "*": "equivalences"}  # fmt: skip


@dataclass(slots=True)
class _Counts:
    """What was read in part, or not at all."""

    in_parts: Counted = field(default_factory=Counted)
    others: Counted = field(default_factory=Counted)
    kinds: Counter[str] = field(default_factory=Counter)


def find_standoff_pairs(path: Path) -> list[tuple[Path, Path]]:
    """The text and annotation files of a folder, or of one `.ann` or `.txt` file; empty if there are none.

    The files lie next to each other, or in parallel folders under the same name. One of a pair may not exist.
    """
    if path.is_file():
        both = path.with_suffix(".txt"), path.with_suffix(".ann")
        return [both] if path.suffix.lower() in (".txt", ".ann") and both[1].is_file() else []
    annotations = sorted(path.rglob("*.ann"))
    if not annotations:
        return []
    texts = sorted(file for file in path.rglob("*.txt") if file.with_suffix(".ann").is_file())
    if not texts:  # parallel folders
        by_name = {file.stem: file for file in path.rglob("*.txt")}
        return [(by_name.get(file.stem, file.with_suffix(".txt")), file) for file in annotations]
    folders = {file.parent for file in annotations}
    texts = sorted(file for folder in folders for file in folder.glob("*.txt") if not _is_about(file))
    texts += [file.with_suffix(".txt") for file in annotations if not file.with_suffix(".txt").is_file()]
    return [(file, file.with_suffix(".ann")) for file in sorted(set(texts))]


def read_standoff(path: Path, read_text: Callable[[Path], str]) -> AnnotatedRows:
    """One row per text with its entities. An annotation whose text is not where it says makes its row an error."""
    counts = _Counts()
    pairs = find_standoff_pairs(path)
    base = path if path.is_dir() else path.parent
    rows = [_row(number, *pair, base, read_text, counts) for number, pair in enumerate(pairs, start=1)]
    first = "only their first part was taken. Hint: check whether the parts are entities of their own"
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.kinds.most_common())
    return AnnotatedRows(
        rows,
        "brat standoff annotations",
        findings=[
            *counts.in_parts.finding("discontinuous-spans", len(rows), first),
            *counts.others.finding("annotations-left-out", len(rows), f"left out: {kinds}; only entities are read"),
        ],
    )


def _is_about(file: Path) -> bool:
    return file.stem.casefold() in ("readme", "license", "licence", "about")


def _row(
    number: int, text_file: Path, file: Path, base: Path, read_text: Callable[[Path], str], counts: _Counts
) -> SourceRow:
    name = text_file.relative_to(base).as_posix() if text_file.is_relative_to(base) else text_file.name
    try:
        if not text_file.is_file():
            raise RowFault("missing-text-file", f"{file.name} has no text file {text_file.name} next to it")
        if not file.is_file():
            raise RowFault("missing-annotation-file", f"{text_file.name} has no annotation file {file.name}")
        text, annotations = read_text(text_file), read_text(file) if file.stat().st_size else ""
        spans = _read_annotations(annotations, number, file.name, counts)
    except RowFault as fault:
        return SourceRow(number, {}, CorpusError(f"{fault.reason}: {name}: {fault.message}"))
    except GlossatorError as error:
        return SourceRow(number, {}, error)
    return SourceRow(number, {TEXT: text, SPANS: spans, "file": name})


def _read_annotations(content: str, number: int, name: str, counts: _Counts) -> Sequence[dict[str, object]]:
    spans: list[dict[str, object]] = []
    for line in content.split("\n"):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        kind = _KINDS.get(line[0])
        if kind is not None:
            counts.kinds[kind] += 1
            counts.others.add(number, f"{name}: {shorten(line, 50)}")
            continue
        found = _ENTITY.fullmatch(line)
        if found is None:
            raise RowFault("annotation-unreadable", f"this line is not an annotation: {shorten(line, 60)}")
        parts = [tuple(map(int, part.split())) for part in found[3].split(";")]
        start, end = parts[0]
        span: dict[str, object] = {"start": start, "end": end, "label": found[2]}
        if len(parts) > 1:
            counts.in_parts.add(number, f"{name}: {found[1]} {found[2]} '{shorten(found[4] or '', 40)}'")
            covered = (found[4] or "")[: end - start]
        else:
            covered = found[4] or ""
        spans.append({**span, TEXT: covered} if covered else span)
    return sorted(spans, key=lambda span: (str(span["start"]).zfill(9), str(span["end"]).zfill(9)))
