"""Answers a document sentence by sentence, with places that count in the document.

Sentences are those of spaCy's rule-based sentencizer on a blank pipeline: no model, any language that ends sentences
with the usual marks and puts white space between them. White space at their edges is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from service.errors import ExtraMissing, InputError
from service.inference.pipeline import Answer
from service.tasks.token_classification import Entities

MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document, `text == document[start:end]`, and its answer. Entities count in the document."""

    start: int
    end: int
    text: str
    answer: Answer | InputError


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end, in code points; raises ExtraMissing without spaCy.

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


def by_sentence(text: str, predict: Callable[[Sequence[object]], Sequence[Answer | InputError]]) -> list[Sentence]:
    """Each sentence with its answer; `predict` answers many texts."""
    places = split_sentences(text)
    answers = predict([text[start:end] for start, end in places])
    return [
        Sentence(start, end, text[start:end], _moved(answer, start))
        for (start, end), answer in zip(places, answers, strict=True)
    ]


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
            "sentences cannot be told apart: an optional dependency is not installed",
            found=error,
            way_out="pip install 'glossator[spacy]'",
        ) from error
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    nlp.max_length = MAX_CHARACTERS + 1
    return nlp
