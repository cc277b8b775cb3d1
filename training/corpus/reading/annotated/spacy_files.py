"""Reads files of spaCy: DocBin (v3), the JSON of v2, and lists of `[text, {"entities": ..., "cats": ...}]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from glossator.service.errors import CorpusError, ExtraMissing
from glossator.service.tasks.tag_schemes import InvalidTag, TagSpelling, spans_from_tags
from glossator.training.corpus.reading.entity_rows import SPANS, TEXT
from glossator.training.corpus.row import SourceRow, shown

_POSITIVE = 0.5
"""A category with at least this score is a label."""
_UNKNOWN_TAG = "-"


def read_docbin(path: Path) -> Iterator[SourceRow]:
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
        spans = doc.ents or doc.spans.get("sc", ())
        if doc.cats:
            fields["label"] = read_categories(doc.cats)
        if spans or not doc.cats:
            fields[SPANS] = [{"start": ent.start_char, "end": ent.end_char, "label": ent.label_} for ent in spans]
        yield SourceRow(number, fields)


def read_categories(cats: Mapping[str, object]) -> list[str]:
    """The names of categories that apply."""
    return [name for name, value in cats.items() if isinstance(value, (int, float)) and value >= _POSITIVE]


def read_training_pairs(pairs: Sequence[object]) -> Iterator[SourceRow]:
    """Rows of `[text, annotations]`, as training examples of spaCy v2 are written."""
    for number, pair in enumerate(pairs, start=1):
        text, annotations = pair if isinstance(pair, Sequence) and len(pair) == 2 else (None, None)
        if not isinstance(annotations, Mapping):
            yield SourceRow(number, {}, CorpusError(f"not-an-example: expected a text and annotations: {shown(pair)}"))
            continue
        fields: dict[str, object] = {TEXT: text}
        cats = annotations.get("cats")
        if isinstance(cats, Mapping):
            fields["label"] = read_categories(cats)
        if "entities" in annotations:
            fields[SPANS] = annotations["entities"]
        yield SourceRow(number, fields)


def read_v2_documents(documents: Sequence[object]) -> Iterator[SourceRow]:
    """Paragraphs of documents with their BILUO tags as entities, or with their categories (spaCy v2)."""
    number = 0
    for document in documents:
        paragraphs = document.get("paragraphs") if isinstance(document, Mapping) else None
        for paragraph in paragraphs if isinstance(paragraphs, list) else ():
            number += 1
            try:
                yield SourceRow(number, _read_paragraph(paragraph))
            except (InvalidTag, CorpusError) as error:
                yield SourceRow(number, {}, CorpusError(f"annotation-unreadable: {error.message}"))


def _read_paragraph(paragraph: Mapping[str, object]) -> dict[str, object]:
    sentences = paragraph.get("sentences")
    tokens = [
        token
        for sentence in (sentences if isinstance(sentences, list) else ())
        for token in sentence.get("tokens", ())
        if isinstance(token, Mapping)
    ]
    raw = paragraph.get("raw")
    text, offsets = _locate([str(token.get("orth", "")) for token in tokens], raw if isinstance(raw, str) else None)
    fields: dict[str, object] = {TEXT: text}
    cats = paragraph.get("cats")
    if isinstance(cats, list) and cats:
        scores = {str(each.get("label")): each.get("value") for each in cats if isinstance(each, Mapping)}
        fields["label"] = read_categories(scores)
    tags = [str(token["ner"]) for token in tokens if token.get("ner") is not None]
    if tags:
        if len(tags) != len(tokens) or _UNKNOWN_TAG in tags:
            raise CorpusError("some tokens have no tag")
        spelling = TagSpelling("prefix")
        spans = spans_from_tags([spelling.canonical(tag) for tag in tags], offsets)
        fields[SPANS] = [span._asdict() for span in spans]
    return fields


def _locate(tokens: Sequence[str], raw: str | None) -> tuple[str, list[tuple[int, int]]]:
    """The text of a paragraph, and the offsets of its tokens."""
    text = " ".join(tokens) if raw is None else raw
    offsets, position = [], 0
    for token in tokens:
        start = text.find(token, position)
        if start < 0:
            raise CorpusError(f"the token '{token}' is not in the text")
        position = start + len(token)
        offsets.append((start, position))
    return text, offsets
