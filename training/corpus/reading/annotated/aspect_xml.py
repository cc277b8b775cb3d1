"""Reads XML of the SemEval tasks on aspect-based sentiment (Pontiki et al. 2014, 2015, 2016).

A sentence has a `text`, and either `aspectTerms` and `aspectCategories`, or `Opinions` with target, category and
polarity. Targets are spans labelled with their polarity, or categories are the labels of the sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from glossator.service.documents.column_names import DOCUMENT_COLUMN
from glossator.service.documents.decision import Decision
from glossator.service.errors import CorpusError, UnknownColumn
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions, Counted
from glossator.training.corpus.reading.entity_rows import SPANS, TEXT
from glossator.training.corpus.row import RowFault, SourceRow

_TARGETS = ("aspectTerm", "Opinion")
_CATEGORIES = ("aspectCategory", "Opinion")
POLARITY, CATEGORY = "polarity", "category"


def read_aspects(content: str, name: str, options: AnnotationOptions) -> AnnotatedRows:
    """The sentences with the polarity of each target as spans, or with their categories as labels.

    `--label-column category` chooses the categories. Raises CorpusError for any other XML.
    """
    root = _parse(content, name)
    sentences = [(sentence, document) for sentence, document in _sentences(root) if sentence.find("text") is not None]
    targets = sum(_has_place(each) for sentence, _ in sentences for each in _inside(sentence, _TARGETS))
    categories = sum(each.get("category") is not None for one, _ in sentences for each in _inside(one, _CATEGORIES))
    if not sentences or not targets + categories:
        raise _unknown_error(root, name)
    chosen = _choose(options, targets, categories)
    left_out = Counted()
    rows = [_row(number, *each, chosen, left_out) for number, each in enumerate(sentences, start=1)]
    gives = {POLARITY: "spans of targets with their polarity", CATEGORY: "categories of sentences"}
    counts = {POLARITY: targets, CATEGORY: categories}
    other = CATEGORY if chosen == POLARITY else POLARITY
    why = "as given" if options.label_column else f"{counts[chosen]:,} annotations"
    decision = Decision("annotations", gives[chosen], why, f"{gives[other]} ({counts[other]:,})", "--label-column")
    return AnnotatedRows(
        rows,
        "XML of aspects",
        [decision] if counts[other] else [],
        left_out.finding("annotations-left-out", len(rows), "left out: opinions without a target in the text"),
        label_column_is_read=options.label_column in (POLARITY, CATEGORY),
    )


def _parse(content: str, name: str) -> ElementTree.Element:
    if re.search(r"<!(DOCTYPE|ENTITY)", content[:4_096], re.IGNORECASE):
        raise CorpusError(f"{name} declares a document type, which is not read", hint="Remove the line with <!DOCTYPE.")
    try:
        return ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", content))
    except ElementTree.ParseError as error:
        raise CorpusError(f"{name} is not XML", found=error, hint="Correct it.") from None


def _sentences(root: ElementTree.Element) -> list[tuple[ElementTree.Element, str]]:
    """The sentences, each with the name of its review, or "" if they belong to none."""
    reviews = root.findall(".//Review")
    if not reviews:
        return [(sentence, "") for sentence in root.iter("sentence")]
    return [
        (each, review.get("rid", str(number)))
        for number, review in enumerate(reviews, 1)
        for each in review.iter("sentence")
    ]


def _inside(sentence: ElementTree.Element, names: Sequence[str]) -> list[ElementTree.Element]:
    return [each for name in names for each in sentence.iter(name)]


def _has_place(each: ElementTree.Element) -> bool:
    start, end = each.get("from", ""), each.get("to", "")
    return start.isdecimal() and end.isdecimal() and int(end) > int(start)


def _choose(options: AnnotationOptions, targets: int, categories: int) -> str:
    if options.label_column is not None:
        if options.label_column not in (POLARITY, CATEGORY):
            raise UnknownColumn(
                "the sentences have no such annotation",
                found=options.label_column,
                expected=f"{POLARITY} (of targets) or {CATEGORY} (of sentences)",
            )
        return options.label_column
    if options.task == "text-classification" and categories:
        return CATEGORY
    return POLARITY if targets else CATEGORY


def _row(number: int, sentence: ElementTree.Element, document: str, chosen: str, left_out: Counted) -> SourceRow:
    text = "".join(sentence.find("text").itertext())  # type: ignore[union-attr]
    fields: dict[str, object] = {TEXT: text, "id": sentence.get("id", "")}
    if document:
        fields[DOCUMENT_COLUMN] = document
    if chosen == CATEGORY:
        names = [str(each.get("category")) for each in _inside(sentence, _CATEGORIES) if each.get("category")]
        return SourceRow(number, {**fields, "label": list(dict.fromkeys(names))})
    try:
        spans = []
        for each in _inside(sentence, _TARGETS):
            if _has_place(each):
                spans.append(_span(each, number))
            else:
                left_out.add(number, f"{each.get('category', each.tag)} {each.get('polarity', '')}".strip())
    except RowFault as fault:
        return SourceRow(number, {}, CorpusError(f"{fault.reason}: {fault.message}"))
    unique = {(span["start"], span["end"], span["label"]): span for span in spans}
    return SourceRow(number, {**fields, SPANS: list(unique.values())})


def _span(each: ElementTree.Element, number: int) -> dict[str, object]:
    label = each.get("polarity")
    if not label:
        raise RowFault("span-without-label", f"a target of sentence {number} has no polarity")
    covered = each.get("term") or each.get("target")
    place: dict[str, object] = {"start": int(each.get("from", "")), "end": int(each.get("to", "")), "label": label}
    return {**place, TEXT: covered} if covered and covered != "NULL" else place


def _unknown_error(root: ElementTree.Element, name: str) -> CorpusError:
    tags = Counter(each.tag for each in root.iter())
    return CorpusError(
        f"{name} has no known form of annotated XML",
        found=f"elements {', '.join(tag for tag, _ in tags.most_common(6))}",
        expected="sentence elements with text, and aspectTerm, aspectCategory or Opinion",
        hint="Write one table with a text and its labels in each row, for example as JSON Lines.",
    )
