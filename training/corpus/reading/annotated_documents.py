"""Reads files of annotation tools: SQuAD JSON, Label Studio JSON, spaCy's DocBin, CoNLL, and folders of text files."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from glossator.service.documents.column_names import CONTEXT_COLUMN, QUESTION_COLUMN
from glossator.service.errors import CorpusError, ExtraMissing, FileMissing
from glossator.training.corpus.reading.conll import SPANS, SUFFIXES, TEXT, TaggedFile, read_conll
from glossator.training.corpus.row import SourceRow

ANSWERS = "answers"
"""The column of answers; those of questions and contexts are in `column_names.py`."""
_HEAD_BYTES = 1 << 20


def is_annotated_document(path: Path) -> bool:
    """True if a file or folder has one of these formats, by its name, or for JSON by its beginning."""
    name = path.name.lower().removesuffix(".gz")
    if path.is_dir():
        return _is_folder_of_labels(path)
    return name.endswith((*SUFFIXES, ".spacy")) or (name.endswith(".json") and not _is_plain_array(path))


def read_annotated_documents(path: Path) -> tuple[list[SourceRow], str]:
    """The rows of a file or folder, and a short description of it. Raises CorpusError if it has none of the formats."""
    name = path.name.lower().removesuffix(".gz")
    if path.is_dir():
        return list(_read_label_folders(path)), f"{path}: one folder per label"
    if name.endswith(".spacy"):
        return list(_read_docbin(path)), f"{path}: spaCy DocBin"
    if name.endswith(SUFFIXES):
        tagged = read_conll(_read_text(path).split("\n"), name=path.name)
        return tagged.rows, f"{path}: {_describe(tagged)}"
    try:
        value = json.loads(_read_text(path))
    except ValueError as error:
        raise CorpusError(
            f"{path.name} is not JSON", found=error, hint="Correct it, or rename it if it has another format."
        ) from None
    if isinstance(value, Mapping) and "data" in value:
        return list(_read_squad(value)), f"{path}: SQuAD JSON"
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and "data" in value[0]:
        return list(_read_label_studio(value)), f"{path}: Label Studio JSON"
    raise CorpusError(
        f"{path.name} has no known format of labelled JSON",
        expected="a list of objects, SQuAD's {'data': [...]}, or a Label Studio export",
    )


def _is_plain_array(path: Path) -> bool:
    """True if JSON is an array of objects with the columns as keys. In Label Studio's arrays the columns are in `data`.
    Only the beginning of the file is read."""
    head = _head(path).lstrip()
    if not head.startswith("["):
        return False
    keys = {key for key in ("data", "annotations") if re.search(rf'[{{,]\s*"{key}"\s*:', head)}
    return keys != {"data", "annotations"}


def _head(path: Path) -> str:
    """The first characters of a text file; "" if it cannot be read: reading the whole file then reports the error."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    except (OSError, EOFError):
        return ""


def _is_folder_of_labels(folder: Path) -> bool:
    return any(child.is_dir() and any(child.glob("*.txt")) for child in folder.iterdir())


def _read_label_folders(folder: Path) -> Iterator[SourceRow]:
    """The text files of each subfolder, in the order of their names; the name of the subfolder is the label."""
    files = [file for label in sorted(folder.iterdir()) if label.is_dir() for file in sorted(label.glob("*.txt"))]
    for number, file in enumerate(files, start=1):
        fields: dict[str, object] = {"label": file.parent.name, "file": file.relative_to(folder).as_posix()}
        try:
            yield SourceRow(number, {TEXT: file.read_bytes().decode("utf-8-sig"), **fields})
        except (OSError, UnicodeDecodeError) as error:
            yield SourceRow(number, {}, CorpusError(f"{fields['file']} cannot be read as UTF-8", found=error))


def _describe(tagged: TaggedFile) -> str:
    stray = f", {tagged.stray:,} entities begin with I- instead of B-" if tagged.stray else ""
    return f"CoNLL, tags in column {tagged.tag_column + 1}, {tagged.scheme}{stray}"


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.name.lower().endswith(".gz") else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path.name} is not UTF-8", found=error, hint="Convert it to UTF-8 first.") from None
    except FileNotFoundError:
        raise FileMissing(f"there is no file {path}", found=path) from None
    except OSError as error:
        raise CorpusError(f"{path.name} cannot be read", found=error) from None


def _read_squad(value: Mapping[str, object]) -> Iterator[SourceRow]:
    """Questions with their contexts and accepted answers (SQuAD: Rajpurkar et al. 2016, 2018)."""
    number = 0
    articles = value["data"]
    assert isinstance(articles, Sequence)
    for article in articles:
        for paragraph in article.get("paragraphs", ()):
            for item in paragraph.get("qas", ()):
                number += 1
                answers = [
                    {"start": answer.get("answer_start"), "text": answer.get("text")}
                    for answer in item.get("answers", ())
                ]
                fields = {
                    QUESTION_COLUMN: item.get("question"),
                    CONTEXT_COLUMN: paragraph.get("context"),
                    ANSWERS: answers,
                }
                yield SourceRow(number, fields)


def _read_label_studio(tasks: Sequence[Mapping[str, object]]) -> Iterator[SourceRow]:
    """Tasks of the JSON export: the text, and the spans or choices of the first annotation that was not cancelled."""
    for number, task in enumerate(tasks, start=1):
        data = task.get("data")
        fields: dict[str, object] = dict(data) if isinstance(data, Mapping) else {}
        annotations = [each for each in _objects(task, "annotations") if not each.get("was_cancelled")]
        if not annotations:
            yield SourceRow(number, {}, CorpusError("the task has no annotation"), json.dumps(task)[:500])
            continue
        spans, choices = [], []
        for result in _objects(annotations[0], "result"):
            value = result.get("value")
            if not isinstance(value, Mapping):
                continue
            if "labels" in value:
                spans += [
                    {"start": value.get("start"), "end": value.get("end"), "label": each} for each in value["labels"]
                ]
            choices += value.get("choices", [])
        fields |= {"label": choices} if choices else {SPANS: spans}
        yield SourceRow(number, fields)


def _objects(value: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """The objects in a list of a JSON object; empty if there is no such list."""
    found = value.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _read_docbin(path: Path) -> Iterator[SourceRow]:
    """Documents with their entities, and with their categories that score at least 0.5."""
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError as error:
        raise ExtraMissing(
            "spaCy files cannot be read: an optional dependency is not installed",
            found=error,
            hint="pip install 'glossator[spacy]'",
        ) from error
    try:
        bin_ = DocBin().from_disk(path)
    except Exception as error:  # msgpack and zlib each fail in their own way
        raise CorpusError(f"{path.name} is not a spaCy DocBin", found=error) from error
    for number, doc in enumerate(bin_.get_docs(spacy.blank("xx").vocab), start=1):
        fields: dict[str, object] = {TEXT: doc.text}
        if doc.cats:
            fields["label"] = [name for name, value in doc.cats.items() if value >= 0.5]
        spans = doc.ents or doc.spans.get("sc", ())
        fields[SPANS] = [{"start": ent.start_char, "end": ent.end_char, "label": ent.label_} for ent in spans]
        yield SourceRow(number, fields)
