"""The answers to many texts: a list that also becomes a data frame, and a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex, overload

from glossator.service.errors import InputError
from glossator.service.inference.answer_forms.answer_cells import answer_cells
from glossator.service.inference.answer_forms.answer_html import answers_html
from glossator.service.inference.answer_forms.answer_text import describe
from glossator.service.inference.pipeline import Answer
from glossator.service.optional_packages import import_optional

_SHOWN = 10


class Answers(list[Answer | InputError]):
    """A list with one item per text, in order: its Answer, or the InputError that says why it has none."""

    def __init__(
        self, answers: Iterable[Answer | InputError] = (), *, columns: Sequence[str] = (), index: Any = None
    ) -> None:
        super().__init__(answers)
        self.columns = tuple(columns)
        """The columns of `to_pandas`, without `error`."""
        self._index = index

    @property
    def errors(self) -> dict[int, InputError]:
        """The errors by the place of their text, counted from 0."""
        return {place: answer for place, answer in enumerate(self) if isinstance(answer, InputError)}

    def raise_first_error(self) -> list[Answer]:
        """Return the answers if all texts have one. Raises the first error."""
        answers = []
        for answer in self:
            if isinstance(answer, InputError):
                raise answer
            answers.append(answer)
        return answers

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the fields of each answer as `Answer.to_dict`; of an error `{"error": {"code", "message", ...}}`."""
        return [{"error": each.to_dict()} if isinstance(each, InputError) else each.to_dict() for each in self]

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with the columns of `glossator label`, and `error` (None if there is none).

        It has the index of the series that the texts came from: `frame.join(model(frame["text"]).to_pandas())`.

        Raises:
            ExtraMissing: pandas is not installed.
        """
        pandas = import_optional("pandas", "to_pandas", extra=None)
        rows = [_cells(each) for each in self]
        columns = [*self.columns, "error"] if self.columns else None
        return pandas.DataFrame(rows, columns=columns, index=self._index if rows else None)

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> Answer | InputError: ...

    @overload
    def __getitem__(self, place: slice, /) -> Answers: ...

    def __getitem__(self, place: SupportsIndex | slice, /) -> Answer | InputError | Answers:
        if isinstance(place, slice):
            index = None if self._index is None else self._index[place]
            return Answers(super().__getitem__(place), columns=self.columns, index=index)
        return super().__getitem__(place)

    def __repr__(self) -> str:
        lines = [f"Answers({len(self)} texts, {len(self.errors)} with an error)"]
        for place, each in enumerate(self[:_SHOWN]):
            lines.append(
                f"  {place}: {f'error {each.code}' if isinstance(each, InputError) else describe(each.prediction)}"
            )
        return "\n".join(lines + [f"  … {len(self) - _SHOWN} more"] * (len(self) > _SHOWN))

    def _repr_html_(self) -> str:
        return answers_html([each if isinstance(each, InputError) else (each.text, each.prediction) for each in self])


def _cells(answer: Answer | InputError) -> dict[str, object]:
    if isinstance(answer, InputError):
        return {"error": f"{answer.code}: {answer.message}"}
    tier = {} if answer.tier is None else {"_tier": answer.tier}
    return answer_cells(answer, nested=True) | tier | {"error": None}
