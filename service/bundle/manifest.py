"""`bundle.json`: the manifest of a bundle. docs/bundle.md documents every field."""

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
Scheme = Literal["fp32", "static", "row", "block", "source"]
"""How a graph computes its matrix products: in fp32, or in int8 with activation scales that are fixed at export
(`static`), computed for each token (`row`), computed for each block of a token (`block`), or as the int8 graph of an
imported model does (`source`): then answers may depend on the other texts of a batch."""
Runtime = Literal["PyTorch", "ONNX Runtime"]
"""What ran the model that the graphs were compared with: a checkpoint of PyTorch, or the ONNX graph of another tool."""
Int8Kernel = Literal["uint8 x int8", "uint8 x uint8"]
"""The products that ONNX Runtime computes for an int8 graph. Products of uint8 and int8 are faster, but overflow on
some processors."""
Evidence = Literal["texts", "sample"]
"""What a model without labelled rows was compared on: `texts` of its user, or the `sample` that Glossator has."""
Tier = Literal["fast", "full"]
"""Which graph of a cascade answered."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]

READ_VERSIONS = (2, file_names.FORMAT_VERSION)
"""The format versions that are read."""


class FileEntry(StrictModel):
    """Hash and size in bytes of one file."""

    sha256: Sha256
    size: Count


class Served(StrictModel):
    """The graph that the service runs, and why this graph was chosen."""

    graph: str
    precision: Precision
    scheme: Scheme
    reason: str
    loss_shown: bool | None = None
    """For int8: whether the validation rows show that the loss is at most the margin. False: there are too few rows, or
    the graph was requested. None for fp32, and in bundles older than this field."""

    @model_serializer(mode="wrap")
    def _omit_absent_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        return _without_nones(handler(self), "loss_shown")


class Estimate(StrictModel):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


class EvaluationRecord(StrictModel):
    """Metrics on one split, measured with the graph of this precision."""

    split: str
    rows: Count
    precision: Precision
    metrics: dict[str, Estimate]


class Parity(StrictModel):
    """One graph compared with the source, usually the PyTorch checkpoint, in fp32 on real texts."""

    scheme: Scheme
    excluded: list[str]
    """Tensors of an int8 graph whose products stay in fp32, because int8 changed their results most."""
    rows: Count
    max_logit_difference: float
    decision_flips: Count
    """Rows with other labels."""
    metric: str
    reference_value: float
    graph_value: float
    non_inferior: bool
    margin: float
    """The largest loss of the metric that is accepted."""
    showable: float | None = None
    """The smallest loss that this number of rows can rule out if the graphs are equally good. None in older bundles."""
    low: float | None = None
    """One-sided 95 % lower bound of `graph_value - reference_value`. None in older bundles."""
    texts_per_second: float
    speed_ratio: float | None = None
    """How many times as fast as the fp32 graph this int8 graph was on the machine of the export, measured in turns.
    None for fp32, for graphs that the comparison rejected, and in older bundles."""
    batch_flips: Count | None = None
    """For the scheme `source`: texts whose decision depends on the other texts of a batch. None for other schemes, in
    which no decision does."""

    @property
    def enough_rows(self) -> bool:
        """Whether this number of rows can show that the loss is at most the margin."""
        return self.showable is None or self.showable <= self.margin

    @model_serializer(mode="wrap")
    def _omit_absent_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        return _without_nones(handler(self), "showable", "low", "speed_ratio", "batch_flips")


class Verification(StrictModel):
    """Parity measured by export, and the tolerance for replaying the golden rows."""

    parity: list[Parity]
    """The fp32 graph, then each int8 graph in the order in which they were tried."""
    golden_rows: Count
    tolerance: Annotated[float, Field(gt=0.0)]
    """Largest |logit difference| allowed between a golden row and its replay."""
    batch_difference: float
    """Largest |logit difference| measured between a text alone and the same text in a batch, with the served graph."""
    evidence: Evidence | None = None
    """The texts of the comparison. None for labelled rows, which is omitted, so that older manifests keep their
    digest."""
    reference: Runtime = "PyTorch"
    """What the graphs were compared with; PyTorch is omitted, so that older manifests keep their digest."""

    @property
    def measured(self) -> bool:
        """Whether the answers were measured on labelled rows. If not, how often they are right is not known."""
        return self.evidence is None

    def batch_flips(self, scheme: Scheme) -> int | None:
        """Return how many decisions of the graph of this scheme depend on the other texts; None if none can."""
        return next((each.batch_flips for each in reversed(self.parity) if each.scheme == scheme), None)

    @model_serializer(mode="wrap")
    def _omit_absent_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields = _without_nones(handler(self), "evidence")
        return {name: value for name, value in fields.items() if name != "reference" or value != "PyTorch"}


class BatchCost(StrictModel):
    """The time of one batch of windows on one CPU, in milliseconds: `batch + padded * (token + attention * longest)`
    for `padded = count * longest` tokens. `most_tokens` is the largest number of padded tokens per batch."""

    batch: Annotated[float, Field(ge=0.0)]
    token: Annotated[float, Field(gt=0.0)]
    attention: Annotated[float, Field(ge=0.0)]
    most_tokens: Annotated[int, Field(ge=1)]


class Kernels(StrictModel):
    """The int8 kernels of the machine that ran export, and their speed.

    `int8_gops` and `fp32_gops`: the highest speed of one thread, in 10^9 operations a second, on a product of 512 x 384
    by 384 x 1536. A multiplication and an addition count as two operations.
    """

    int8: Int8Kernel
    int8_gops: Annotated[float, Field(gt=0.0)]
    fp32_gops: Annotated[float, Field(gt=0.0)]


class Speed(StrictModel):
    """Speed from text to answer, measured by export; comparable only on the same machine."""

    machine: str
    threads: Count
    texts: Count
    texts_per_second: float
    tokens_per_second: float
    cost: BatchCost
    """Used to plan batches until the batch cost is measured on the machine that serves."""
    kernels: Kernels | None = None
    """None in bundles older than this field."""


class CascadeRecord(StrictModel):
    """The fast graph of a cascade, and the gate, fitted on validation rows.

    The fast graph answers if the probability of its most probable label, at `temperature`, reaches `threshold`.
    """

    graph: str
    precision: Precision
    scheme: Scheme
    temperature: Annotated[float, Field(gt=0.0)]
    threshold: Annotated[float, Field(ge=0.0, le=1.0)]
    model: str
    """`name@digest` of the bundle that the fast graph was copied from."""
    algorithm: str
    rows: Count
    share: Annotated[float, Field(ge=0.0, le=1.0)]
    """Share of the validation rows that the fast graph answers."""
    full_accuracy: float
    cascade_accuracy: float
    low: float
    """One-sided 95 % lower bound of `cascade_accuracy - full_accuracy`; above `-margin`."""
    margin: float
    cost: BatchCost


class Backbone(StrictModel):
    """The bundle of vectors that a head reads: exactly this version, whose vectors have `dimension` numbers."""

    name: Name
    digest: Sha256
    dimension: Annotated[int, Field(ge=1)]


class Manifest(StrictModel):
    """The content of `bundle.json`. `digest` is the SHA-256 of the canonical JSON of all other fields."""

    format_version: Literal[2, 3] = file_names.FORMAT_VERSION
    name: Name
    task: Task
    served: Served
    files: dict[str, FileEntry]
    evaluation: list[EvaluationRecord]
    verification: Verification
    speed: Speed | None = None
    cascade: CascadeRecord | None = None
    backbone: Backbone | None = None
    """Of a head; None for a bundle with a graph of its own."""
    digest: str = ""

    @model_serializer(mode="wrap")
    def _omit_absent_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Omit `cascade`, `backbone` and `speed.kernels` if they are None, so that older manifests keep their bytes and
        digest."""
        fields: dict[str, object] = handler(self)
        speed = fields.get("speed")
        if isinstance(speed, dict) and speed["kernels"] is None:
            fields["speed"] = {name: value for name, value in speed.items() if name != "kernels"}
        return _without_nones(fields, "cascade", "backbone")

    def with_digest(self) -> Manifest:
        """Return this manifest with the digest of its other fields."""
        return self.model_copy(update={"digest": self._digest()})

    def to_bytes(self) -> bytes:
        """Return the canonical bytes of `bundle.json`; `parse_manifest` accepts no other bytes for this manifest."""
        return _canonical(self.model_dump(mode="json"))

    def _digest(self) -> str:
        return hashlib.sha256(_canonical(self.model_dump(mode="json", exclude={"digest"}))).hexdigest()


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest in the bytes of a `bundle.json`.

    Raises:
        BundleVersionUnsupported: The format version is another one.
        BundleInvalid: The bytes are not exactly what `Manifest.to_bytes` writes; the error lists every fault.
    """
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _invalid([Fault("manifest-not-json", str(error), file_names.MANIFEST)]) from None
    if not isinstance(fields, dict):
        raise _invalid([Fault("manifest-schema", "not a JSON object", file_names.MANIFEST)])
    version = fields.get("format_version")
    if isinstance(version, bool) or version not in READ_VERSIONS:
        raise BundleVersionUnsupported(
            "this version of Glossator does not read the bundle's format version",
            found=version,
            expected=" or ".join(map(str, READ_VERSIONS)),
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
        return manifest.with_digest().to_bytes() == data
    except UnicodeEncodeError:  # JSON can escape a lone surrogate, which UTF-8 cannot encode
        return False


def _schema_fault(item: object) -> Fault:
    assert isinstance(item, dict)
    parts = [str(part) for part in item["loc"]]
    if parts[:1] == ["task"] and parts[1:2] and parts[1] in get_args(TaskName):
        del parts[1]  # the name of the task, which pydantic adds to the path
    where = f"{file_names.MANIFEST}:{'.'.join(parts)}"
    name = "manifest-unknown-field" if item["type"] == "extra_forbidden" else "manifest-schema"
    return Fault(name, str(item["msg"]), where)


def _invalid(faults: list[Fault]) -> BundleInvalid:
    return BundleInvalid(
        "the manifest is not valid", faults=faults, hint="Export the checkpoint again, or copy the bundle again."
    )


def _without_nones(fields: dict[str, object], *names: str) -> dict[str, object]:
    """Return the fields without those of `names` that are None, so that older manifests keep their bytes and digest."""
    return {name: value for name, value in fields.items() if name not in names or value is not None}


def _canonical(fields: object) -> bytes:
    return (json.dumps(fields, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")
