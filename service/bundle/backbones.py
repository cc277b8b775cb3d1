"""Finds the backbone of a head on disk, and checks that it is the one that the head was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Backbone, Manifest
from glossator.service.bundle.reader import read_manifest
from glossator.service.bundle.task import Task, TextEmbedding, TokenClassification
from glossator.service.errors import BundleInvalid, BundleNotFound, Fault, GlossatorError


def find_backbone(head: Path, backbone: Backbone) -> Path:
    """Return the folder of the backbone of the head in the folder `head`.

    It is the folder with the right digest next to the head, or in the registry that holds the head.

    Raises:
        BundleNotFound: There is none.
    """
    for folder in _candidates(head.absolute(), backbone):
        try:
            manifest = read_manifest(folder)
        except (OSError, GlossatorError):
            continue
        if manifest.digest == backbone.digest:
            return folder
    raise BundleNotFound(
        "the backbone of this head was not found",
        found=f"no bundle with its digest next to {head}",
        expected=f"{backbone.name}@{backbone.digest[:12]}",
        hint="Put the bundle of the backbone next to the head, add it to the registry first, or pass its folder.",
    )


def _candidates(head: Path, backbone: Backbone) -> Iterator[Path]:
    """Yield folders that may hold the backbone, the most likely first."""
    yield head.parent / backbone.name
    yield from head.parent.parent.glob(f"*/{backbone.digest}")  # a registry: NAME/DIGEST
    for manifest in sorted(head.parent.glob(f"*/{file_names.MANIFEST}")):
        yield manifest.parent


def check_backbone(head: Manifest, backbone: Manifest) -> None:
    """Check that a head fits its backbone.

    Raises:
        BundleInvalid: The backbone is another version, gives other vectors, or reads texts in other windows.
    """
    record, task = head.backbone, backbone.task
    assert record is not None
    faults = []
    if backbone.digest != record.digest:
        what = f"{backbone.name}@{backbone.digest[:12]}, expected {record.name}@{record.digest[:12]}"
        faults.append(Fault("backbone-version", what, file_names.MANIFEST))
    elif not isinstance(task, TextEmbedding) or dimension_read(head.task, task) != record.dimension:
        what = f"the backbone gives no vectors of {record.dimension} numbers"
        if reads_tokens(head.task):
            what += " for tokens"
        faults.append(Fault("backbone-vectors", what, backbone.name))
    elif task.encoding != head.task.encoding:
        faults.append(Fault("backbone-encoding", "the backbone splits texts into other windows", file_names.MANIFEST))
    if faults:
        raise BundleInvalid(
            f"the head {head.name!r} does not fit its backbone",
            faults=faults,
            hint="Use the bundle that the head was trained on, or train the head again.",
        )


def reads_tokens(head: Task) -> bool:
    """Return whether a head for this task reads the vectors of tokens, not of whole texts."""
    return isinstance(head, TokenClassification)


def dimension_read(head: Task, backbone: TextEmbedding) -> int | None:
    """Return the numbers in a vector that a head reads: of a text, or of a token; None if the backbone gives none."""
    return backbone.token_dimension if reads_tokens(head) else backbone.dimension
