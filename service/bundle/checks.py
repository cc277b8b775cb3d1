"""Checks of a bundle folder that need no inference: its files, then their contents. Each returns the faults found."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from glossator.service.bundle import file_names
from glossator.service.bundle.golden import parse_golden
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.onnx_inspection import check_interface, inspect_onnx
from glossator.service.bundle.reference import parse_reference
from glossator.service.bundle.task import Classifier, Task, TokenClassification
from glossator.service.errors import BundleError, Fault, shorten
from glossator.service.files.hashing import hash_file


def check_files(root: Path, manifest: Manifest) -> list[Fault]:
    """Compare the folder with the manifest: unlisted and missing files, sizes, hashes, links and other special files.

    Raises:
        OSError: A file or folder cannot be read.
    """
    faults = [
        Fault("unsafe-path", "the manifest lists a path outside the bundle", name)
        for name in manifest.files
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name
    ]
    if faults:
        return faults
    present, refused = set(), set()
    for folder, folders, files in os.walk(root, onerror=_raise):
        for found in (Path(folder, name) for name in (*folders, *files)):
            relative, mode = found.relative_to(root).as_posix(), found.lstat().st_mode
            if stat.S_ISREG(mode):
                present.add(relative)
            elif stat.S_ISLNK(mode):
                refused.add(relative)
                faults.append(Fault("symlink", "links are not allowed in a bundle", shorten(relative)))
            elif not stat.S_ISDIR(mode):  # reading a pipe or a device may never end
                refused.add(relative)
                faults.append(Fault("not-a-file", "a pipe, a socket or a device", shorten(relative)))
    listed = set(manifest.files)
    faults += [
        Fault("missing-entry", "the manifest does not list this file, which every bundle needs", name)
        for name in (*file_names.REQUIRED, manifest.served.graph, *_fast_graphs(manifest))
        if name not in listed
    ]
    faults += [
        Fault("unlisted-file", "not in the manifest", shorten(name))
        for name in sorted(present - listed - {file_names.MANIFEST})
    ]
    for name in sorted(listed):
        if name in present:
            faults += _check_file(root, name, manifest)
        elif name not in refused:
            faults.append(Fault("missing-file", "listed in the manifest", name))
    return faults


def check_contents(root: Path, manifest: Manifest) -> list[Fault]:
    """Check what is in the files: graphs that must not be loaded, files that contradict the manifest."""
    checks: list[Callable[[], list[Fault]]] = [
        lambda: _check_graphs(root, manifest),
        lambda: _check_config(root, manifest),
        lambda: _check_golden(root, manifest),
        lambda: _check_reference(root, manifest),
    ]
    return [fault for check in checks for fault in check()]


def _check_file(root: Path, name: str, manifest: Manifest) -> list[Fault]:
    entry = manifest.files[name]
    size = (root / name).stat().st_size
    if size != entry.size:
        return [Fault("wrong-size", f"{size} bytes, expected {entry.size}", name)]
    if hash_file(root / name) != entry.sha256:
        return [Fault("wrong-hash", "its content has changed since export", name)]
    return []


def _check_graphs(root: Path, manifest: Manifest) -> list[Fault]:
    faults = []
    graphs = [name for name in manifest.files if name.endswith(".onnx")]
    if manifest.served.graph not in graphs:
        faults.append(Fault("served-graph", "the served graph is not an ONNX file", manifest.served.graph))
    faults += [
        Fault("fast-graph", "the fast graph is not an ONNX file", name)
        for name in _fast_graphs(manifest)
        if name not in graphs
    ]
    if manifest.cascade is not None and not _is_single_label(manifest.task):
        faults.append(
            Fault("cascade-task", "only single-label models of texts and pairs can be a cascade", file_names.MANIFEST)
        )
    for name in graphs:
        summary = inspect_onnx((root / name).read_bytes(), name)
        faults += summary.faults or check_interface(summary, manifest.task.outputs, name)
    return faults


def _fast_graphs(manifest: Manifest) -> list[str]:
    """Return the fast graph of a cascade; no graph if the bundle is not a cascade."""
    return [] if manifest.cascade is None else [manifest.cascade.graph]


def _is_single_label(task: Task) -> bool:
    return isinstance(task, Classifier) and task.problem_type == "single_label_classification"


def _check_config(root: Path, manifest: Manifest) -> list[Fault]:
    """Compare `config.json`, which other tools read, with the manifest: labels and problem type."""
    task = manifest.task
    try:
        config = json.loads((root / file_names.CONFIG).read_bytes())
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
        what = f"problem_type is {problem_type!r}, the manifest says {task.problem_type!r}"
        faults.append(Fault("problem-type-mismatch", what, file_names.CONFIG))
    return faults


def _check_golden(root: Path, manifest: Manifest) -> list[Fault]:
    try:
        rows = parse_golden((root / file_names.GOLDEN).read_bytes())
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
            faults.append(Fault("golden-labels", f"row {row.name!r} does not fit the labels", file_names.GOLDEN))
    return faults


def _check_reference(root: Path, manifest: Manifest) -> list[Fault]:
    try:
        reference = parse_reference((root / file_names.REFERENCE).read_bytes())
    except BundleError as error:
        return list(error.faults)
    task = manifest.task
    expected = set(task.types if isinstance(task, TokenClassification) else task.labels)
    if isinstance(task, Classifier | TokenClassification) and set(reference.label_counts) != expected:
        return [Fault("reference-labels", "label_counts does not fit the labels", file_names.REFERENCE)]
    return []


def _raise(error: OSError) -> None:
    raise error
