"""`golden.jsonl`: real inputs with the expected answers, replayed before a bundle is served."""

from __future__ import annotations

from pydantic import ValidationError, model_validator

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Count, Tier
from glossator.service.bundle.task import StrictModel
from glossator.service.errors import BundleInvalid, Fault


class GoldenRow(StrictModel):
    """One input, and either its expected answer or the code of its expected error.

    `second` is the second text of a task that reads two. `labels` and `score` summarise the answer of the task's
    decoder. `logits` are what the decoder decided on: the pooled logits of a classifier; the logits of each token,
    token by token; the start and end logit of each token of each window; or a vector.
    """

    name: str
    text: str
    second: str | None = None
    labels: tuple[str, ...] = ()
    score: float = 0.0
    logits: tuple[float, ...] = ()
    tokens: Count = 0
    windows: Count = 0
    error: str | None = None
    tier: Tier | None = None
    """The graph of a cascade that answered; a replay runs the same graph."""

    @model_validator(mode="after")
    def _answer_or_error(self) -> GoldenRow:
        answered = bool(self.logits) or (self.windows > 0 and self.tokens == 0)  # a text may have no tokens to tag
        if (self.error is None) != answered:
            raise ValueError("a golden row has either an answer or an error")
        return self

    @property
    def input(self) -> object:
        """The text, or both texts as a tuple."""
        return self.text if self.second is None else (self.text, self.second)


def dump_golden(rows: list[GoldenRow]) -> bytes:
    """Return the bytes of `golden.jsonl`."""
    return "".join(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows).encode("utf-8")


def parse_golden(data: bytes) -> list[GoldenRow]:
    """Return the rows in the bytes of `golden.jsonl`.

    Raises:
        BundleInvalid: Lines are invalid; the error lists all of them.
    """
    rows, faults = [], []
    for number, line in enumerate(data.rstrip(b"\n").split(b"\n"), start=1):
        try:
            rows.append(GoldenRow.model_validate_json(line))
        except ValidationError as error:
            faults.append(Fault("golden-schema", str(error.errors()[0]["msg"]), f"{file_names.GOLDEN}:{number}"))
    if faults:
        raise BundleInvalid("the golden rows cannot be read", faults=faults)
    return rows
