"""Scores of extracted answers, as SQuAD defines them (Rajpurkar et al. 2016; for unanswerable questions 2018).

Case, punctuation, white space and the articles a, an and the are ignored. F1 compares bags of words; of several
accepted answers the best match counts; an unanswerable question is right if the model gives no answer. Words are
separated by white space. In scripts without spaces this makes F1 as strict as exact match, so F1 over characters is
computed too.
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
    """Normalise an answer for comparison.

    >>> normalise_answer("The  Denver Broncos!")
    'denver broncos'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(predicted: str, accepted: str) -> bool:
    """Return whether two answers are equal after normalisation."""
    return normalise_answer(predicted) == normalise_answer(accepted)


def answer_f1(predicted: str, accepted: str, *, characters: bool = False) -> float:
    """Return F1 over the words (or characters) of two answers; if one is empty, 1 if both are, else 0.

    >>> answer_f1("in the year 1066", "1066")
    0.5
    """
    sides = [normalise_answer(text) for text in (predicted, accepted)]
    first, second = ([*side.replace(" ", "")] if characters else side.split() for side in sides)
    if not first or not second:
        return float(first == second)
    common = (Counter(first) & Counter(second)).total()
    return 2.0 * common / (len(first) + len(second))


def score_answers(
    rows: LabelledRows, predictions: Sequence[Extraction]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return F1, exact match and character F1 of each row, `(rows,)` each.

    Raises CorpusError if the rows have no answers.
    """
    if rows.spans is None or rows.seconds is None:
        raise CorpusError("the rows have no gold answers", expected="SQuAD JSON", hint="Use a file with answers.")
    scores = []
    for context, spans, extraction in zip(rows.seconds, rows.spans, predictions, strict=True):
        predicted = "" if extraction.answer is None else extraction.answer.text
        accepted = [context[span.start : span.end] for span in spans] or [""]
        scores.append(
            (
                max(answer_f1(predicted, text) for text in accepted),
                float(any(exact_match(predicted, text) for text in accepted)),
                max(answer_f1(predicted, text, characters=True) for text in accepted),
            )
        )
    columns = np.array(scores, dtype=np.float64).reshape(-1, 3).T
    return columns[0], columns[1], columns[2]
