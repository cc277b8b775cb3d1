"""Recognises and reads annotated documents: files and folders whose rows no table holds."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from glossator.service.documents.column_names import CONTEXT_COLUMN, QUESTION_COLUMN
from glossator.service.errors import CorpusError
from glossator.training.corpus.reading.annotated.aspect_xml import read_aspects
from glossator.training.corpus.reading.annotated.brat import find_standoff_pairs, read_standoff
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions
from glossator.training.corpus.reading.annotated.spacy_files import (
    read_docbin,
    read_training_pairs,
    read_v2_documents,
)
from glossator.training.corpus.reading.annotated.text_folders import is_folder_of_texts, read_text_folders
from glossator.training.corpus.reading.question_rows import ANSWERS
from glossator.training.corpus.row import SourceRow

ReadText = Callable[[Path], str]
"""Reads a text file; raises an error of ours if it cannot be decoded."""

_HEAD_BYTES = 1 << 20
_JSON_KINDS = {
    "SQuAD JSON": re.compile(r'\s*\{.*?"paragraphs"\s*:.*?"qas"\s*:', re.DOTALL),
    "spaCy v2 JSON": re.compile(r'\s*\[\s*\{[^{]*?"paragraphs"\s*:', re.DOTALL),
    "spaCy training pairs": re.compile(r'\s*\[\s*\[\s*"(?:[^"\\]|\\.)*"\s*,\s*\{\s*"(?:entities|cats)"'),
}


def is_annotated_document(path: Path) -> bool:
    """True if a file or folder has one of these formats: by its content, or for DocBin and XML by its name."""
    if path.is_dir():
        return bool(find_standoff_pairs(path)) or is_folder_of_texts(path)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".spacy", ".xml")) or find_standoff_pairs(path):
        return True
    return name.endswith(".json") and _json_kind(path) is not None


def read_annotated_documents(path: Path, read_text: ReadText, options: AnnotationOptions) -> AnnotatedRows:
    """The rows of a file or folder for which `is_annotated_document` is true. Raises CorpusError if it is damaged."""
    name = path.name.lower().removesuffix(".gz")
    if find_standoff_pairs(path):
        return read_standoff(path, read_text)
    if path.is_dir():
        return read_text_folders(path, read_text)
    if name.endswith(".spacy"):
        return AnnotatedRows(list(read_docbin(path)), "spaCy DocBin")
    if name.endswith(".xml"):
        return read_aspects(read_text(path), path.name, options)
    kind = _json_kind(path)
    try:
        value = json.loads(read_text(path))
    except ValueError as error:
        raise CorpusError(f"{path.name} is not JSON", found=error, hint="Correct it.") from None
    if kind == "SQuAD JSON":
        return AnnotatedRows(list(_read_squad(value)), kind)
    rows = list(read_v2_documents(value) if kind == "spaCy v2 JSON" else read_training_pairs(value))
    return AnnotatedRows(rows, kind or "")


def _json_kind(path: Path) -> str | None:
    head = _head(path)
    return next((kind for kind, pattern in _JSON_KINDS.items() if pattern.match(head)), None)


def _head(path: Path) -> str:
    """The first characters of a text file; "" if it cannot be read: reading the whole file then reports the error."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    except (OSError, EOFError):
        return ""


def _read_squad(value: Mapping[str, object]) -> Iterator[SourceRow]:
    """Questions with their contexts and accepted answers (SQuAD: Rajpurkar et al. 2016, 2018)."""
    number = 0
    articles = value.get("data", [value])
    for article in _objects(articles):
        for paragraph in _objects(article.get("paragraphs")):
            for item in _objects(paragraph.get("qas")):
                number += 1
                answers = [
                    {"start": answer.get("answer_start"), "text": answer.get("text")}
                    for answer in _objects(item.get("answers"))
                ]
                fields = {
                    QUESTION_COLUMN: item.get("question"),
                    CONTEXT_COLUMN: paragraph.get("context"),
                    ANSWERS: answers,
                }
                yield SourceRow(number, fields)


def _objects(value: object) -> list[Mapping[str, object]]:
    """The objects in a list; empty if it is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, Sequence) else []
