"""`golden.jsonl`: real inputs with the answers expected, replayed before a bundle is served.

`reference.json`: the distribution of the training data, which drift is measured against.
"""

from __future__ import annotations

from pydantic import ValidationError, model_validator

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Count, Tier
from glossator.service.bundle.task import StrictModel
from glossator.service.errors import BundleInvalid, Fault


class GoldenRow(StrictModel):
    """One input and its answer: labels and score as the task's decoder sums an answer up, the logits that they were
    decided by and what was seen; or the code of the error it must give.

    `second` is the second text where the task reads two. `logits` holds what the windows come to, row by row: pooled
    logits of a classifier, those of each token, start and end of each token of each window, or a vector.
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
    """Of a cascade, the tier that the answer is of; a replay asks the same one."""

    @model_validator(mode="after")
    def _answer_or_error(self) -> GoldenRow:
        answered = bool(self.logits) or (self.windows > 0 and self.tokens == 0)  # a text may have no token to tag
        if (self.error is None) != answered:
            raise ValueError("a golden row has either an answer or an error")
        return self

    @property
    def input(self) -> object:
        """The text, or the two texts."""
        return self.text if self.second is None else (self.text, self.second)


def dump_golden(rows: list[GoldenRow]) -> bytes:
    """The bytes of `golden.jsonl`."""
    return "".join(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows).encode("utf-8")


def parse_golden(data: bytes) -> list[GoldenRow]:
    """The rows in the bytes of `golden.jsonl`; raises BundleInvalid with every bad line."""
    rows, faults = [], []
    for number, line in enumerate(data.rstrip(b"\n").split(b"\n"), start=1):
        try:
            rows.append(GoldenRow.model_validate_json(line))
        except ValidationError as error:
            faults.append(Fault("golden-schema", str(error.errors()[0]["msg"]), f"{file_names.GOLDEN}:{number}"))
    if faults:
        raise BundleInvalid("the golden rows cannot be read", faults=faults)
    return rows
