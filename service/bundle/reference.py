"""`reference.json`: the distribution of the training data. Drift is measured against it."""

from __future__ import annotations

import json

from pydantic import model_validator

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Count
from glossator.service.bundle.task import StrictModel
from glossator.service.errors import BundleInvalid, Fault


class Histogram(StrictModel):
    """`counts[i]` values are in `[edges[i], edges[i + 1])`; the last bin includes its upper edge."""

    edges: list[float]
    counts: list[Count]

    @model_validator(mode="after")
    def _one_more_edge(self) -> Histogram:
        if len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"{len(self.edges)} edges for {len(self.counts)} counts")
        return self


class Reference(StrictModel):
    """Training rows, rows per label, tokens per training text, and the model's confidence on validation rows."""

    rows: Count
    label_counts: dict[str, Count]
    tokens: Histogram
    confidence: Histogram


def parse_reference(data: bytes) -> Reference:
    """Return the reference in the bytes of `reference.json`; raises BundleInvalid."""
    try:
        return Reference.model_validate(json.loads(data))
    except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError too
        fault = Fault("reference-schema", str(error), file_names.REFERENCE)
        raise BundleInvalid("the reference distribution cannot be read", faults=[fault]) from None
