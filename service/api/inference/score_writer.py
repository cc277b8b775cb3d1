"""Scores as JSON, written without an object per score: each name is encoded once, then only numbers change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glossator.service.api.inference.json_answers import RawJson
from glossator.service.tasks.text_classification import Score, Scores

_NAME = "NAME"


@dataclass(frozen=True, slots=True)
class ScoreForm:
    """How a dialect writes the scores of one text. NAME stands for the name of a label, as JSON."""

    begin: str
    before: str
    after: str
    end: str


LABEL_FIRST = ScoreForm("[", '{"label": NAME, "score": ', "}", "]")
SCORE_FIRST = ScoreForm("[", '{"score": ', ', "label": NAME}', "]")
CONFIDENCES = ScoreForm("{", 'NAME: {"confidence": ', "}", "}")


class ScoreWriter:
    """Writes the scores of texts in one form.

    >>> ScoreWriter(LABEL_FIRST).write([Score("a", 0.5)])
    '[{"label": "a", "score": 0.5}]'
    """

    def __init__(self, form: ScoreForm) -> None:
        self._form = form
        self._sides = _Sides(form)

    def write(self, scores: Sequence[Score]) -> RawJson:
        """The scores of one text. Raises ValueError for numbers that JSON cannot have."""
        return self.write_numbers(*names_and_values(scores))

    def write_numbers(self, names: Sequence[str], values: NDArray[np.float64]) -> RawJson:
        """The same for names and their numbers."""
        if not np.isfinite(values).all():
            raise ValueError("a score is not JSON compliant: it is not a finite number")
        sides = self._sides
        written = [
            f"{before}{value!r}{after}"
            for (before, after), value in zip(map(sides.__getitem__, names), values.tolist(), strict=True)
        ]
        return RawJson(f"{self._form.begin}{', '.join(written)}{self._form.end}")


def names_and_values(scores: Sequence[Score]) -> tuple[list[str], NDArray[np.float64]]:
    """The labels and their probabilities."""
    if isinstance(scores, Scores):
        return scores.names(), scores.values
    return [each.label for each in scores], np.array([each.score for each in scores])


class _Sides(dict[str, tuple[str, str]]):
    """What is before and after the number of each label."""

    def __init__(self, form: ScoreForm) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, name: str) -> tuple[str, str]:
        encoded = json.dumps(name)
        made = self._form.before.replace(_NAME, encoded), self._form.after.replace(_NAME, encoded)
        self[name] = made
        return made
