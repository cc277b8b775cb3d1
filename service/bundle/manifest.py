"""`bundle.json`: what a bundle is, what it holds, how good it is and how that was checked."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, get_args

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from glossator.service.bundle import file_names
from glossator.service.bundle.names import Name
from glossator.service.bundle.task import StrictModel, Task, TaskName
from glossator.service.errors import BundleInvalid, BundleVersionUnsupported, Fault

Precision = Literal["fp32", "int8"]
Scheme = Literal["fp32", "static", "row", "block"]
"""How a graph computes its products: in fp32, or in int8 with activation scales that are fixed (`static`), found for
each token (`row`), or found for each block of a token (`block`)."""
Tier = Literal["fast", "full"]
"""Which graph of a cascade answered."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class FileEntry(StrictModel):
    """What one file of the bundle must be. `size` is in bytes."""

    sha256: Sha256
    size: Count


class Served(StrictModel):
    """The graph that the service runs, and why this one."""

    graph: str
    precision: Precision
    scheme: Scheme
    reason: str


class Estimate(StrictModel):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


class EvaluationRecord(StrictModel):
    """How good the served graph is on one split; `precision` says which graph was measured."""

    split: str
    rows: Count
    precision: Precision
    metrics: dict[str, Estimate]


class Parity(StrictModel):
    """One graph against the PyTorch fp32 checkpoint, on real texts."""

    scheme: Scheme
    excluded: list[str]
    """Tensors whose products stay in fp32 in an int8 graph, because int8 hurt most there."""
    rows: Count
    max_logit_difference: float
    decision_flips: Count
    """Rows whose set of labels differs."""
    metric: str
    reference_value: float
    graph_value: float
    non_inferior: bool
    margin: float
    texts_per_second: float


class Verification(StrictModel):
    """Parity figures of export, and what a replay of the golden rows must meet."""

    parity: list[Parity]
    """The fp32 graph, then each int8 graph that was tried, in the order in which they were tried."""
    golden_rows: Count
    tolerance: Annotated[float, Field(gt=0.0)]
    """Largest |logit difference| between a golden row's record and its replay."""
    batch_difference: float
    """Largest |logit difference| measured for one text alone and among others in a batch: the bound on how far
    neighbours move an answer of the served graph."""


class BatchCost(StrictModel):
    """What one batch of windows takes on one CPU, in milliseconds: `batch + padded * (token + attention * longest)`
    for `padded = count * longest` tokens; and how many padded tokens a batch has at most."""

    batch: Annotated[float, Field(ge=0.0)]
    token: Annotated[float, Field(gt=0.0)]
    attention: Annotated[float, Field(ge=0.0)]
    most_tokens: Annotated[int, Field(ge=1)]


class Speed(StrictModel):
    """Measured by export, strings to labels; only comparable on the machine named."""

    machine: str
    threads: Count
    texts: Count
    texts_per_second: float
    tokens_per_second: float
    cost: BatchCost
    """What the planner goes by until it is measured anew on the machine that serves."""


class CascadeRecord(StrictModel):
    """A fast graph in front of the served one, and the gate between them, fitted on validation rows.

    The fast graph answers where the probability of its most probable label, at `temperature`, reaches `threshold`.
    """

    graph: str
    precision: Precision
    scheme: Scheme
    temperature: Annotated[float, Field(gt=0.0)]
    threshold: Annotated[float, Field(ge=0.0, le=1.0)]
    model: str
    """`name@digest` of the bundle that the graph was taken from."""
    algorithm: str
    rows: Count
    share: Annotated[float, Field(ge=0.0, le=1.0)]
    """Of the validation rows, those that the fast graph answers."""
    full_accuracy: float
    cascade_accuracy: float
    low: float
    """One-sided 95 % bound of the difference of these accuracies, cascade minus full; above `-margin`."""
    margin: float
    cost: BatchCost


class Manifest(StrictModel):
    """The whole of `bundle.json`. `digest` is the SHA-256 of the canonical JSON of every other field."""

    format_version: Literal[2] = file_names.FORMAT_VERSION
    name: Name
    task: Task
    served: Served
    files: dict[str, FileEntry]
    evaluation: list[EvaluationRecord]
    verification: Verification
    speed: Speed | None = None
    cascade: CascadeRecord | None = None
    digest: str = ""

    @model_serializer(mode="wrap")
    def _without_no_cascade(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Manifests from before there were cascades keep their bytes, and so their digest."""
        fields: dict[str, object] = handler(self)
        return {name: value for name, value in fields.items() if name != "cascade" or value is not None}

    def sealed(self) -> Manifest:
        """This manifest with the digest of its other fields."""
        return self.model_copy(update={"digest": self._digest()})

    def to_bytes(self) -> bytes:
        """The canonical bytes of `bundle.json`: the only ones that `parse_manifest` accepts for this manifest."""
        return _canonical(self.model_dump(mode="json"))

    def _digest(self) -> str:
        return hashlib.sha256(_canonical(self.model_dump(mode="json", exclude={"digest"}))).hexdigest()


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in the bytes of a `bundle.json`.

    Raises BundleVersionUnsupported for another format version and BundleInvalid, with every fault by name, for
    anything else that is not exactly what `Manifest.to_bytes` writes.
    """
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _invalid([Fault("manifest-not-json", str(error), file_names.MANIFEST)]) from None
    if not isinstance(fields, dict):
        raise _invalid([Fault("manifest-schema", "it is not an object", file_names.MANIFEST)])
    version = fields.get("format_version")
    if version != file_names.FORMAT_VERSION:
        raise BundleVersionUnsupported(
            "the bundle has a format version that this Glossator does not read",
            found=version,
            expected=str(file_names.FORMAT_VERSION),
            hint="Upgrade Glossator, or export the checkpoint again.",
        )
    try:
        manifest = Manifest.model_validate(fields)
    except ValidationError as error:
        raise _invalid([_schema_fault(item) for item in error.errors()]) from None
    if not _is_canonical(manifest, data):
        raise _invalid([Fault("manifest-altered", "its bytes do not match its digest", file_names.MANIFEST)])
    return manifest


def _is_canonical(manifest: Manifest, data: bytes) -> bool:
    try:
        return manifest.sealed().to_bytes() == data
    except UnicodeEncodeError:  # JSON can escape a lone surrogate, UTF-8 cannot hold one
        return False


def _schema_fault(item: object) -> Fault:
    assert isinstance(item, dict)
    parts = [str(part) for part in item["loc"]]
    if parts[:1] == ["task"] and parts[1:2] and parts[1] in get_args(TaskName):
        del parts[1]  # which of the tasks' schemas was taken
    where = f"{file_names.MANIFEST}:{'.'.join(parts)}"
    name = "manifest-unknown-field" if item["type"] == "extra_forbidden" else "manifest-schema"
    return Fault(name, str(item["msg"]), where)


def _invalid(faults: list[Fault]) -> BundleInvalid:
    return BundleInvalid(
        "the manifest is not valid", faults=faults, hint="Export the checkpoint again, or copy the bundle again."
    )


def _canonical(fields: object) -> bytes:
    return (json.dumps(fields, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")
