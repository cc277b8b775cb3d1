"""Answers of several heads to the rows of a file: one answer per text, with those of the further heads next to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.answer_forms.answer_cells import answer_cells, answer_columns
from glossator.service.inference.heads.several_heads import PendingHeads, check_heads, check_options, prepare
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.options import DecodeKeywords


@dataclass(frozen=True, slots=True, repr=False)
class AnswerOfHeads(Answer):
    """The answer of the first head, and those of the others by name."""

    further: tuple[tuple[str, Answer], ...] = ()

    def further_cells(self, *, nested: bool) -> dict[str, object]:
        """Return the value of each column of the further heads; see `answer_cells`."""
        return {
            f"{name}_{column}": value
            for name, answer in self.further
            for column, value in answer_cells(answer, nested=nested).items()
        }


def further_columns(heads: Sequence[Model], *, label_sets: bool = False) -> tuple[str, ...]:
    """Return the columns of the further heads: `NAME_label`, `NAME_score`, ..."""
    return tuple(
        f"{head.name}_{column}" for head in heads for column in answer_columns(head.task, label_sets=label_sets)
    )


class BulkAnswers:
    """Answers to the texts of a chunk that are being computed."""

    def __init__(self, pending: PendingHeads) -> None:
        self._pending = pending

    def result(self) -> list[Answer | InputError]:
        """Wait for the vectors and return one answer per text, in order."""
        first, *others = self._pending.result()
        found: list[Answer | InputError] = []
        for place, answer in enumerate(first.answers):
            if isinstance(answer, InputError):
                found.append(answer)
                continue
            further = ((each.head.name, each.answers[place]) for each in others)
            named = tuple((name, other) for name, other in further if isinstance(other, Answer))
            found.append(
                AnswerOfHeads(
                    answer.prediction, answer.tokens, answer.windows, answer.truncated, None, answer.text, named
                )
            )
        return found


class StartHeads:
    """Starts to answer texts with several heads, as `Model.start` does with one."""

    def __init__(self, heads: Sequence[Model], **asked: Unpack[DecodeKeywords]) -> None:
        """Raises ConfigError if the models are not heads of one backbone with different names, or for wrong options."""
        check_heads(heads)
        self._options = check_options(heads, asked)
        if len({head.name for head in heads}) != len(heads):
            raise ConfigError("two heads have the same name", found=", ".join(head.name for head in heads))
        self._heads = heads

    def __call__(self, texts: Sequence[object]) -> BulkAnswers:
        """Queue the texts behind requests."""
        pending = prepare(self._heads, texts, self._options)
        return BulkAnswers(PendingHeads(self._heads, pending, lane="bulk"))
