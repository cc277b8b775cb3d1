"""Checks of a bundle folder that need no inference: its files, then their contents.

Each file is read once: the bytes whose hash is right are the bytes that are checked, and those that are kept for
loading. What happens to the folder afterwards does not matter.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from glossator.service.bundle import file_names
from glossator.service.bundle.golden import parse_golden
from glossator.service.bundle.linear_layer import parse_layer
from glossator.service.bundle.manifest import FileEntry, Manifest
from glossator.service.bundle.onnx_inspection import TOKEN_VECTORS, check_interface, inspect_onnx
from glossator.service.bundle.reference import parse_reference
from glossator.service.bundle.task import Classifier, Shape, Task, TextEmbedding, TokenClassification
from glossator.service.bundle.training_texts import parse_training_texts
from glossator.service.errors import BundleError, Fault, shorten
from glossator.service.files.open_folder import OpenFolder

Receive = Callable[[str, bytes], None]

HEAD_TASKS = ("text-classification", "token-classification")
"""The tasks that a linear layer on the vectors of a backbone can have."""


def check_files(folder: OpenFolder, manifest: Manifest, receive: Receive = lambda *_: None) -> list[Fault]:
    """Compare a folder with its manifest, then check what is in its files. Return all faults.

    Unlisted and missing files, sizes, hashes, links and other special files come first. If they are right: graphs that
    must not be loaded, and files that contradict the manifest.

    Args:
        folder: The folder of the bundle.
        manifest: Its manifest.
        receive: Is called with the name and the content of each file whose hash is right.

    Raises:
        OSError: A file or folder cannot be read.
    """
    if faults := check_names(manifest):
        return faults
    present, refused = set(), set()
    for name, mode in folder.entries():
        if stat.S_ISREG(mode):
            present.add(name)
        elif stat.S_ISLNK(mode):
            refused.add(name)
            faults.append(Fault("symlink", "links are not allowed in a bundle", shorten(name)))
        elif not stat.S_ISDIR(mode):  # reading a pipe or a device may never end
            refused.add(name)
            faults.append(Fault("not-a-file", "a pipe, a socket or a device", shorten(name)))
    listed = set(manifest.files)
    faults += [
        Fault("missing-entry", "the manifest does not list this file, which every bundle needs", name)
        for name in (*_required(manifest), manifest.served.graph, *_fast_graphs(manifest))
        if name not in listed
    ]
    faults += [
        Fault("unlisted-file", "not in the manifest", shorten(name))
        for name in sorted(present - listed - {file_names.MANIFEST})
    ]
    in_contents = _check_graph_entries(manifest)
    for name in sorted(listed):
        if name in present:
            wrong, found = _check_file(folder, name, manifest, receive)
            faults += wrong
            in_contents += found
        elif name not in refused:
            faults.append(Fault("missing-file", "listed in the manifest", name))
    return faults or in_contents


def check_names(manifest: Manifest) -> list[Fault]:
    """Return a fault for each file of the manifest whose path leads out of the bundle."""
    return [
        Fault("unsafe-path", "the manifest lists a path outside the bundle", name)
        for name in manifest.files
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name
    ]


def _check_file(folder: OpenFolder, name: str, manifest: Manifest, receive: Receive) -> tuple[list[Fault], list[Fault]]:
    """Return the fault of a file that is not the one in the manifest, and the faults of its content if it is."""
    data = folder.read(name, max_bytes=manifest.files[name].size)
    if fault := check_hash(name, data, manifest.files[name]):
        return [fault], []
    receive(name, data)
    return [], _check_content(name, data, manifest)


def check_hash(name: str, data: bytes, entry: FileEntry) -> Fault | None:
    """Return the fault of a file whose content is not the one in the manifest."""
    if len(data) != entry.size:
        found = f"{len(data)} bytes" if len(data) < entry.size else f"more than {entry.size} bytes"
        return Fault("wrong-size", f"{found}, expected {entry.size}", name)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        return Fault("wrong-hash", "its content has changed since export", name)
    return None


def _check_content(name: str, data: bytes, manifest: Manifest) -> list[Fault]:
    """Return the faults in the content of a file whose hash is right."""
    if name.endswith(".onnx"):
        summary = inspect_onnx(data, name)
        return [*(summary.faults or check_interface(summary, _graph_outputs(manifest.task), name))]
    check = _CHECKS.get(name)
    return [] if check is None else check(data, manifest)


def _graph_outputs(task: Task) -> dict[str, Shape]:
    """Return the outputs that every graph of a bundle must have."""
    size = task.token_dimension if isinstance(task, TextEmbedding) else None
    return task.outputs | ({} if size is None else {TOKEN_VECTORS: (None, None, size)})


def _check_graph_entries(manifest: Manifest) -> list[Fault]:
    """Check which files of the manifest are the graphs that may be run."""
    if manifest.backbone is not None:
        return _check_head_entries(manifest)
    faults = []
    if not manifest.served.graph.endswith(".onnx"):
        faults.append(Fault("served-graph", "the served graph is not an ONNX file", manifest.served.graph))
    faults += [
        Fault("fast-graph", "the fast graph is not an ONNX file", name)
        for name in _fast_graphs(manifest)
        if not name.endswith(".onnx")
    ]
    if manifest.cascade is not None and not _is_single_label(manifest.task):
        faults.append(
            Fault("cascade-task", "only single-label models of texts and pairs can be a cascade", file_names.MANIFEST)
        )
    return faults


def _required(manifest: Manifest) -> tuple[str, ...]:
    """Return the files that a bundle of this kind needs."""
    return file_names.REQUIRED if manifest.backbone is None else file_names.REQUIRED_OF_HEAD


def _check_head_entries(manifest: Manifest) -> list[Fault]:
    """Check that a head classifies texts or tokens, and that its linear layer is what is served."""
    faults = []
    if manifest.served.graph != file_names.HEAD:
        faults.append(Fault("served-graph", f"a head serves {file_names.HEAD}", manifest.served.graph))
    if manifest.task.task not in HEAD_TASKS or manifest.cascade is not None:
        what = f"only {' and '.join(HEAD_TASKS)} can be a head"
        faults.append(Fault("backbone-task", what, file_names.MANIFEST))
    return faults


def _fast_graphs(manifest: Manifest) -> list[str]:
    """Return the fast graph of a cascade; no graph if the bundle is not a cascade."""
    return [] if manifest.cascade is None else [manifest.cascade.graph]


def _is_single_label(task: Task) -> bool:
    return isinstance(task, Classifier) and task.problem_type == "single_label_classification"


def _check_config(data: bytes, manifest: Manifest) -> list[Fault]:
    """Compare `config.json`, which other tools read, with the manifest: labels and problem type."""
    task = manifest.task
    try:
        config = json.loads(data)
        names = config["id2label"] if isinstance(task, Classifier | TokenClassification) else {}
        labels = [names[str(index)] for index in range(len(names))]
        problem_type = config.get("problem_type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [Fault("config-unreadable", f"{type(error).__name__}: {error}", file_names.CONFIG)]
    faults = []
    if isinstance(task, Classifier | TokenClassification) and labels != task.labels:
        faults.append(
            Fault("label-mismatch", f"id2label differs from the labels of {file_names.MANIFEST}", file_names.CONFIG)
        )
    if isinstance(task, Classifier) and problem_type != task.problem_type:
        what = f"problem_type is {shorten(problem_type)}, the manifest says {task.problem_type}"
        faults.append(Fault("problem-type-mismatch", what, file_names.CONFIG))
    return faults


def _check_head(data: bytes, manifest: Manifest) -> list[Fault]:
    """Compare the size of the linear layer with the labels and the vectors of the backbone."""
    if manifest.backbone is None:
        return [Fault("backbone-missing", "a head needs the field backbone in the manifest", file_names.HEAD)]
    try:
        layer = parse_layer(data)
    except BundleError as error:
        return list(error.faults)
    expected = (len(manifest.task.labels), manifest.backbone.dimension)
    if layer.weight.shape != expected:
        what = f"the weights are {_axes(layer.weight.shape)}, expected {_axes(expected)} (labels x dimension)"
        return [Fault("label-count", what, file_names.HEAD)]
    return []


def _axes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _check_golden(data: bytes, manifest: Manifest) -> list[Fault]:
    try:
        rows = parse_golden(data)
    except BundleError as error:
        return list(error.faults)
    faults = []
    expected = manifest.verification.golden_rows
    if len(rows) != expected or not rows:
        faults.append(Fault("golden-count", f"{len(rows)} rows, the manifest says {expected}", file_names.GOLDEN))
    task = manifest.task
    width = next(iter(task.outputs.values()))[-1] or len(task.outputs)
    for row in rows:
        if isinstance(task, Classifier):
            fits = set(task.labels).issuperset(row.labels) and len(row.logits) in (0, width)
        else:
            fits = len(row.logits) % width == 0
        if not fits:
            what = f"row {shorten(row.name)} does not fit the labels"
            faults.append(Fault("golden-labels", what, file_names.GOLDEN))
    return faults


def _check_reference(data: bytes, manifest: Manifest) -> list[Fault]:
    try:
        reference = parse_reference(data)
    except BundleError as error:
        return list(error.faults)
    if manifest.format_version == 2 and not reference.is_format_2:
        return [Fault("reference-schema", "it has fields of format 3", file_names.REFERENCE)]
    task = manifest.task
    expected = set(task.types if isinstance(task, TokenClassification) else task.labels)
    if isinstance(task, Classifier | TokenClassification) and set(reference.label_counts) != expected:
        return [Fault("reference-labels", "label_counts does not fit the labels", file_names.REFERENCE)]
    for name in ("predicted_counts", "mean_probabilities"):
        if not set(getattr(reference, name)) <= expected:
            return [Fault("reference-labels", f"{name} does not fit the labels", file_names.REFERENCE)]
    return []


def _check_training_texts(data: bytes, _: Manifest) -> list[Fault]:
    try:
        parse_training_texts(data)
    except BundleError as error:
        return list(error.faults)
    return []


_CHECKS: Mapping[str, Callable[[bytes, Manifest], list[Fault]]] = {
    file_names.CONFIG: _check_config,
    file_names.GOLDEN: _check_golden,
    file_names.HEAD: _check_head,
    file_names.REFERENCE: _check_reference,
    file_names.TRAINING_TEXTS: _check_training_texts,
}
