"""Measures how a model handles changed texts: typing mistakes, case, punctuation, white space.

Every change is determined by the text and a seed. If the rows have spans, only changes that keep all offsets are made.
For questions with contexts only the question is changed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace

from glossator.evaluation.analysis.comparison import Comparison, compare_models
from glossator.evaluation.metrics.model_answers import ModelAnswers, answer_rows
from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.inference.pipeline import Pipeline

_WORD = re.compile(r"[^\W\d_]{4,}")
_PUNCTUATION = re.compile(r"[^\w\s]|_")
TYPO_SHARE = 0.15
"""The share of words with four letters or more that get a typing mistake; at least one per text."""


def add_typos(text: str, *, seed: int = 0) -> str:
    """Swap two neighbouring letters in some words; the length stays the same.

    >>> add_typos("where is my parcel")
    'where is my aprcel'
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    generator = random.Random(f"{seed}\n{text}")
    letters = list(text)
    for word in generator.sample(words, max(1, round(TYPO_SHARE * len(words)))):
        place = generator.randrange(word.start(), word.end() - 1)
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def to_upper_case(text: str) -> str:
    """Convert to upper case, except letters whose upper case is longer than one character."""
    return "".join(each.upper() if len(each.upper()) == 1 else each for each in text)


def to_lower_case(text: str) -> str:
    """Convert to lower case, except letters whose lower case is longer than one character."""
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def remove_punctuation(text: str) -> str:
    """Remove punctuation; a text of nothing else stays unchanged."""
    bare = " ".join(_PUNCTUATION.sub(" ", text).split())
    return bare or text


def add_white_space(text: str) -> str:
    """Double every space and add one at both ends."""
    return f" {text.replace(' ', '  ')} "


SAME_OFFSETS_CHANGES: dict[str, Callable[[str], str]] = {
    "typing mistakes": add_typos,
    "upper case": to_upper_case,
    "lower case": to_lower_case,
}
"""Changes that keep the offset of every character."""
CHANGES = {**SAME_OFFSETS_CHANGES, "no punctuation": remove_punctuation, "extra white space": add_white_space}


def measure_robustness(pipeline: Pipeline, rows: LabelledRows, answers: ModelAnswers) -> list[Comparison]:
    """Compare the answers to changed texts with `answers`, those to the original texts; one comparison per change."""
    changes = SAME_OFFSETS_CHANGES if rows.spans is not None and pipeline.task.task != "question-answering" else CHANGES
    changed = [answer_rows(pipeline, _change_texts(rows, change), name=name) for name, change in changes.items()]
    return compare_models(rows, [replace(answers, name="original texts"), *changed])


def _change_texts(rows: LabelledRows, change: Callable[[str], str]) -> LabelledRows:
    """Return the rows with changed texts and the same gold labels."""
    texts = [change(text) for text in rows.texts]
    if rows.seconds is None or rows.spans is not None:
        return replace(rows, texts=texts)
    return replace(rows, texts=texts, seconds=[change(text) for text in rows.seconds])
