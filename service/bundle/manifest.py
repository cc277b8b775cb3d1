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
Scheme = Literal["fp32", "static", "row", "block"]
"""How a graph computes its matrix products: in fp32, or in int8 with activation scales that are fixed at export
(`static`), computed for each token (`row`), or computed for each block of a token (`block`)."""
Int8Kernel = Literal["uint8 x int8", "uint8 x uint8"]
"""The products that ONNX Runtime computes for an int8 graph. Products of uint8 and int8 are faster, but overflow on
some processors."""
Tier = Literal["fast", "full"]
"""Which graph of a cascade answered."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


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
    """One graph compared with the PyTorch checkpoint in fp32 on real texts."""

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
    texts_per_second: float


class Verification(StrictModel):
    """Parity measured by export, and the tolerance for replaying the golden rows."""

    parity: list[Parity]
    """The fp32 graph, then each int8 graph in the order in which they were tried."""
    golden_rows: Count
    tolerance: Annotated[float, Field(gt=0.0)]
    """Largest |logit difference| allowed between a golden row and its replay."""
    batch_difference: float
    """Largest |logit difference| measured between a text alone and the same text in a batch, with the served graph."""


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


class Manifest(StrictModel):
    """The content of `bundle.json`. `digest` is the SHA-256 of the canonical JSON of all other fields."""

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
    def _omit_absent_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Omit `cascade` and `speed.kernels` if they are None, so that older manifests keep their bytes and digest."""
        fields: dict[str, object] = handler(self)
        speed = fields.get("speed")
        if isinstance(speed, dict) and speed["kernels"] is None:
            fields["speed"] = {name: value for name, value in speed.items() if name != "kernels"}
        return {name: value for name, value in fields.items() if name != "cascade" or value is not None}

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
    if version != file_names.FORMAT_VERSION:
        raise BundleVersionUnsupported(
            "this version of Glossator does not read the bundle's format version",
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


def _canonical(fields: object) -> bytes:
    return (json.dumps(fields, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")
