"""Answers against the answers accepted, by SQuAD's definition (Rajpurkar et al. 2016; for no answer 2018).

Case, punctuation, the articles a, an and the, and white space do not count. F1 is that of the bags of words; of several
accepted answers the one that fits best counts; a question without an answer is right where none is given. Words are
what white space parts: in scripts without spaces that makes F1 as strict as exact match, so there is an F1 of
characters too.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glossator.modeling.labelled_rows import LabelledRows
from glossator.service.errors import CorpusError
from glossator.service.tasks.question_answering import Extraction

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """The answer as it is compared.

    >>> normalise_answer("The  Denver Broncos!")
    'denver broncos'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(found: str, accepted: str) -> bool:
    """Whether two answers are the same."""
    return normalise_answer(found) == normalise_answer(accepted)


def answer_f1(found: str, accepted: str, *, characters: bool = False) -> float:
    """F1 of the words (or characters) of two answers; where one has none, 1 if the other has none either.

    >>> f1("in the year 1066", "1066")
    0.5
    """
    sides = [normalise_answer(text) for text in (found, accepted)]
    ours, theirs = ([*side.replace(" ", "")] if characters else side.split() for side in sides)
    if not ours or not theirs:
        return float(ours == theirs)
    common = (Counter(ours) & Counter(theirs)).total()
    return 2.0 * common / (len(ours) + len(theirs))


def score_answers(
    rows: LabelledRows, found: Sequence[Extraction]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """F1, exact match and F1 of characters of each row, `(rows,)` each."""
    if rows.spans is None or rows.seconds is None:
        raise CorpusError("the rows carry no answers", expected="SQuAD JSON", hint="Give a file with answers.")
    scores = []
    for context, spans, extraction in zip(rows.seconds, rows.spans, found, strict=True):
        ours = "" if extraction.answer is None else extraction.answer.text
        accepted = [context[span.start : span.end] for span in spans] or [""]
        scores.append(
            (
                max(answer_f1(ours, text) for text in accepted),
                float(any(exact_match(ours, text) for text in accepted)),
                max(answer_f1(ours, text, characters=True) for text in accepted),
            )
        )
    columns = np.array(scores, dtype=np.float64).reshape(-1, 3).T
    return columns[0], columns[1], columns[2]
