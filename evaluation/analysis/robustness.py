"""How much worse a model gets when texts are written otherwise: typing mistakes, case, punctuation, white space.

Every change is decided by the text and a seed. Where spans say what stands where, only changes are made that move
nothing; of questions and their contexts the question alone is changed.
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
"""The share of words of four letters and more that get a typing mistake, and at least one a text."""


def add_typos(text: str, *, seed: int = 0) -> str:
    """The text with two neighbouring letters of some words exchanged; of the same length.

    >>> typos("where is my parcel")
    'where is my aprcel'
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    chance = random.Random(f"{seed}\n{text}")
    letters = list(text)
    for word in chance.sample(words, max(1, round(TYPO_SHARE * len(words)))):
        place = chance.randrange(word.start(), word.end() - 1)
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def to_upper_case(text: str) -> str:
    """The text in capitals, each letter that stays one letter."""
    return "".join(each.upper() if len(each.upper()) == 1 else each for each in text)


def to_lower_case(text: str) -> str:
    """The text in small letters, each letter that stays one letter."""
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in text)


def remove_punctuation(text: str) -> str:
    """The text without punctuation; as it is where nothing else would be left."""
    bare = " ".join(_PUNCTUATION.sub(" ", text).split())
    return bare or text


def add_white_space(text: str) -> str:
    """The text with two spaces for one, and one at either end."""
    return f" {text.replace(' ', '  ')} "


SAME_OFFSETS_CHANGES: dict[str, Callable[[str], str]] = {
    "typing mistakes": add_typos,
    "capitals": to_upper_case,
    "small letters": to_lower_case,
}
"""Changes that leave every character where it is."""
CHANGES = {**SAME_OFFSETS_CHANGES, "no punctuation": remove_punctuation, "odd white space": add_white_space}


def measure_robustness(pipeline: Pipeline, rows: LabelledRows, answers: ModelAnswers) -> list[Comparison]:
    """The model on changed texts beside itself on the texts as they are (`answers`), a comparison a change."""
    changes = SAME_OFFSETS_CHANGES if rows.spans is not None and pipeline.task.task != "question-answering" else CHANGES
    changed = [answer_rows(pipeline, _change_texts(rows, change), name=name) for name, change in changes.items()]
    return compare_models(rows, [replace(answers, name="texts as they are"), *changed])


def _change_texts(rows: LabelledRows, change: Callable[[str], str]) -> LabelledRows:
    """The rows with other texts and the same truth."""
    texts = [change(text) for text in rows.texts]
    if rows.seconds is None or rows.spans is not None:
        return replace(rows, texts=texts)
    return replace(rows, texts=texts, seconds=[change(text) for text in rows.seconds])
