"""What is verified is what is served: files of a bundle that are exchanged after, or while, it is read."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.writer import copy_bundle
from glossator.service.errors import BundleError, BundleInvalid
from glossator.service.inference.model import Model, load, load_unverified

TEXTS = ["a b c", "d e f", "c c c"]


@pytest.fixture
def bundle(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(bundles["intents"], tmp_path / "bundle"))


@pytest.fixture
def other_graph(bundle: Path, tmp_path: Path) -> Path:
    """A graph with the same interface and other weights."""
    graph = (bundle / file_names.GRAPH_FP32).read_bytes()
    path = tmp_path / "other.onnx"
    path.write_bytes(_scale_weights(graph))
    return path


def _scale_weights(graph: bytes) -> bytes:
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == "float32":
            tensor.CopyFrom(numpy_helper.from_array(array * 3.0, tensor.name))
    return bytes(model.SerializeToString())


def logits(model: Model) -> list[list[float]]:
    found: list[list[float]] = np.stack(list(model.pipeline.logits(TEXTS))).tolist()
    return found


def keep_all(manifest: Manifest) -> list[str]:
    return list(manifest.files)


def swap(path: Path, content: Path) -> None:
    """Exchange a file like an attacker: by a rename, which is atomic."""
    temporary = path.with_name("swapped")
    shutil.copyfile(content, temporary)
    temporary.replace(path)


def overwrite(path: Path, content: Path) -> None:
    """Exchange the content of the same file."""
    with path.open("r+b") as file:
        file.write(content.read_bytes())
        file.truncate()


def link(path: Path, content: Path) -> None:
    path.unlink()
    path.symlink_to(content)


def link_folder(path: Path, content: Path) -> None:
    folder = path.parent
    moved = folder.rename(folder.with_name("moved"))
    shutil.copyfile(content, moved / path.name)
    outside = shutil.move(moved, folder.parent.parent / "outside")
    folder.symlink_to(outside)


@pytest.mark.parametrize("exchange", [swap, overwrite, link, link_folder])
def test_a_graph_that_is_exchanged_after_its_hash_was_checked_is_not_loaded(
    bundle: Path, other_graph: Path, exchange: Callable[[Path, Path], None]
) -> None:
    expected = logits(load(bundle))
    found = read_bundle(bundle, keep=keep_all)
    graph = found.manifest.served.graph
    exchange(bundle / graph, other_graph)
    assert logits(load_unverified(found)) == expected
    with pytest.raises(BundleInvalid, match="has changed since the bundle was loaded"):
        found.read(graph)


def test_a_graph_that_is_exchanged_in_a_loop_is_never_served(bundle: Path, other_graph: Path, tmp_path: Path) -> None:
    """Every load either refuses the folder or serves the graph of the manifest."""
    expected = logits(load(bundle))
    graph = bundle / load(bundle).graph
    right = shutil.copyfile(graph, tmp_path / "right.onnx")
    with swapping(graph, Path(right), other_graph):
        for _ in range(25):
            try:
                model = load_unverified(read_bundle(bundle))
            except BundleError:
                continue
            assert logits(model) == expected


@contextmanager
def swapping(path: Path, first: Path, second: Path) -> Iterator[None]:
    """Exchange a file again and again until the block ends; then it is the first one."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            swap(path, second)
            swap(path, first)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("name", [file_names.CARD, file_names.TOKENIZER, file_names.GRAPH_FP32])
def test_a_file_that_becomes_a_link_is_not_followed(bundle: Path, tmp_path: Path, name: str) -> None:
    found = read_bundle(bundle)
    (tmp_path / "secret").write_bytes((bundle / name).read_bytes())  # not even to the same content
    (bundle / name).unlink()
    (bundle / name).symlink_to(tmp_path / "secret")
    with pytest.raises(BundleInvalid) as caught:
        found.read(name)
    (fault,) = caught.value.faults
    assert (fault.name, fault.where) == ("unreadable-file", name)


def test_a_file_that_becomes_a_pipe_does_not_block(bundle: Path) -> None:
    found = read_bundle(bundle)
    (bundle / file_names.CARD).unlink()
    os.mkfifo(bundle / file_names.CARD)
    with pytest.raises(BundleInvalid, match="has changed since the bundle was loaded"):
        found.read(file_names.CARD)


def test_a_copy_holds_what_was_checked(bundle: Path, other_graph: Path, tmp_path: Path) -> None:
    found = read_bundle(bundle, keep=keep_all)
    swap(bundle / found.manifest.served.graph, other_graph)
    (bundle / "unlisted").write_text("x")
    copy_bundle(found, tmp_path / "copy")
    assert read_bundle(tmp_path / "copy").digest == found.digest
    with pytest.raises(BundleInvalid):
        copy_bundle(found, tmp_path / "second")


def test_another_version_in_the_folder_is_refused_before_its_graph_runs(bundle: Path) -> None:
    digest = read_bundle(bundle).digest
    assert load(bundle, digest=digest).digest == digest
    with pytest.raises(BundleInvalid, match="the folder contains another version"):
        load(bundle, digest="0" * 64)
