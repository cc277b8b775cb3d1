"""Answers documents sentence by sentence, with offsets in the document.

Sentences come from spaCy's rule-based sentencizer on a blank pipeline. It needs no model and works for languages that
end sentences with the usual marks followed by white space. White space around a sentence is not part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from glossator.service.errors import ConfigError, ExtraMissing, InputError
from glossator.service.inference.encoding import check_text
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair
from glossator.service.tasks.offsets import OffsetUnit, offset_converter
from glossator.service.tasks.token_classification import Entities

MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, `text == document[start:end]`, and its answer. Offsets of entities refer to the document."""

    start: int
    end: int
    text: str
    answer: Answer | InputError


class Documents:
    """Splits documents into sentences, to answer them together, and assembles the answers.

    `parts` are the sentences of all documents, in order; an invalid document is included as its error.
    """

    def __init__(self, documents: Sequence[object]) -> None:
        self.parts: list[str | InputError] = []
        self._documents = [_checked(document) for document in documents]
        self._places: list[list[tuple[int, int]]] = []
        for document in self._documents:
            if isinstance(document, InputError):
                self._places.append([])
                self.parts.append(document)
            else:
                self._places.append(split_sentences(document))
                self.parts += [document[start:end] for start, end in self._places[-1]]

    def assemble(
        self, answers: Sequence[Answer | InputError], *, offset_unit: OffsetUnit | None = None
    ) -> list[list[Sentence] | InputError]:
        """Return the sentences of each document with the answers to `parts`; offsets in `offset_unit`."""
        left = iter(answers)
        together: list[list[Sentence] | InputError] = []
        for document, places in zip(self._documents, self._places, strict=True):
            if isinstance(document, InputError):
                next(left)
                together.append(document)
            else:
                together.append(list(_answered(document, places, left, offset_converter(document, offset_unit))))
        return together


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return start and end of the sentences of a text, in code points. Raises ExtraMissing without spaCy.

    >>> split_sentences("It rains. Take a coat!")  # doctest: +SKIP
    [(0, 9), (10, 22)]
    """
    spans = []
    for begin in range(0, len(text), MAX_CHARACTERS):
        part = text[begin : begin + MAX_CHARACTERS]
        for sentence in _sentencizer()(part).sents:
            start, end = begin + sentence.start_char, begin + sentence.end_char
            raw = text[start:end]
            start, end = start + len(raw) - len(raw.lstrip()), end - len(raw) + len(raw.rstrip())
            if start < end:
                spans.append((start, end))
    return spans


def _checked(document: object) -> str | InputError:
    if isinstance(document, Pair):
        raise ConfigError("sentences need a model that reads one text, and this model reads two")
    try:
        return document if isinstance(document, InputError) else check_text(document)
    except InputError as error:
        return error


def _answered(
    document: str,
    places: Sequence[tuple[int, int]],
    answers: Iterator[Answer | InputError],
    count: Callable[[int], int],
) -> Iterator[Sentence]:
    for start, end in places:
        yield Sentence(count(start), count(end), document[start:end], _moved(next(answers), count(start)))


def _moved(answer: Answer | InputError, by: int) -> Answer | InputError:
    if isinstance(answer, InputError) or not isinstance(answer.prediction, Entities):
        return answer
    moved = tuple(
        replace(entity, start=entity.start + by, end=entity.end + by) for entity in answer.prediction.entities
    )
    return replace(answer, prediction=Entities(moved))


@cache
def _sentencizer() -> Any:
    try:
        import spacy
    except ImportError as error:
        raise ExtraMissing(
            "splitting into sentences needs an optional dependency that is not installed",
            found=error,
            hint="pip install 'glossator[spacy]'",
        ) from error
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    nlp.max_length = MAX_CHARACTERS + 1
    return nlp
