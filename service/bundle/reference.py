"""`reference.json`: what the training data and the answers to texts of the same kind look like, to measure drift."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Annotated

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Count
from glossator.service.bundle.task import Probability, StrictModel
from glossator.service.bundle.text_profile import TextProfile
from glossator.service.errors import BundleInvalid, Fault

MOST_SAMPLES = 2_000
"""The most reference texts, and so the most values of a summary."""

Sample = Annotated[list[float], Field(min_length=1, max_length=MOST_SAMPLES)]
SummaryName = Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]


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
    """Training rows, rows per label, tokens per training text, and the model's confidence on validation rows.

    The other fields are new in format 3, and come from reference texts: validation rows, which the model was not
    trained on. Drift is measured against them.
    """

    rows: Count
    label_counts: dict[str, Count]
    tokens: Histogram
    confidence: Histogram
    profile: TextProfile | None = None
    """The look of the training texts, for two of the summaries."""
    texts: Annotated[int, Field(ge=0, le=MOST_SAMPLES)] = 0
    """The number of reference texts; 0 if there are none, then drift cannot be measured."""
    samples: dict[SummaryName, Sample] = Field(default_factory=dict, max_length=32)
    """For each summary its value for each reference text that has one, ascending, to 6 digits."""
    predicted_counts: dict[str, Count] = Field(default_factory=dict)
    """How many of the reference texts were given each label; for entities, how many have one of each type."""
    mean_probabilities: dict[str, Probability] = Field(default_factory=dict)
    """For models that give one label: the mean probability of each label over the reference texts."""

    @model_validator(mode="after")
    def _samples_fit(self) -> Reference:
        for name, values in self.samples.items():
            if len(values) > self.texts:
                raise ValueError(f"{len(values)} values of {name} for {self.texts} reference texts")
            if any(later < earlier for earlier, later in pairwise(values)):
                raise ValueError(f"the values of {name} are not ascending")
        for name, count in self.predicted_counts.items():
            if count > self.texts:
                raise ValueError(f"{count} of {self.texts} reference texts were given {name}")
        return self

    @model_serializer(mode="wrap")
    def _omit_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Omit the fields of format 3 if they are absent."""
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if value or name not in NEW_FIELDS}

    @property
    def is_format_2(self) -> bool:
        """Whether no field is set that only format 3 has."""
        return not any(getattr(self, name) for name in NEW_FIELDS)

    def to_bytes(self) -> bytes:
        """Return the content of `reference.json`: one line of JSON."""
        return (self.model_dump_json() + "\n").encode("utf-8")


NEW_FIELDS = ("profile", "texts", "samples", "predicted_counts", "mean_probabilities")
"""The fields that format 3 adds."""


def parse_reference(data: bytes) -> Reference:
    """Return the reference in the bytes of `reference.json`; raises BundleInvalid."""
    try:
        return Reference.model_validate(json.loads(data))
    except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError too
        fault = Fault("reference-schema", str(error), file_names.REFERENCE)
        raise BundleInvalid("the reference distribution cannot be read", faults=[fault]) from None
