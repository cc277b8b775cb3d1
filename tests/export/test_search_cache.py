"""A second export of a checkpoint reuses the search of the first, and gives the same graphs and verdicts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from glossator.export import session
from glossator.export.exporter import export
from glossator.export.search_cache import load_search, search_key

REUSED = "reused the int8 search of an earlier export of this checkpoint"


@pytest.fixture
def checkpoint(tiny_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path / "cache"))
    copy = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint("single_label_classification"), copy)
    return copy


def test_the_same_checkpoint_is_searched_once(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = export(checkpoint, tmp_path / "one", precision="int8")

    def fail(*_: object, **__: object) -> None:
        pytest.fail("PyTorch was asked again")

    monkeypatch.setattr(session.ExportSession, "compare_fp32_graph", fail)
    monkeypatch.setattr(session, "measure_ranges", fail)
    notes: list[str] = []
    second = export(checkpoint, tmp_path / "two", precision="int8", stage=notes.append)
    assert REUSED in notes
    assert second.manifest.verification.parity == first.manifest.verification.parity
    assert second.manifest.served == first.manifest.served
    graphs = [name for name in first.manifest.files if name.startswith("onnx/")]
    assert len(graphs) == 2
    assert [second.manifest.files[name] for name in graphs] == [first.manifest.files[name] for name in graphs]


@pytest.mark.parametrize("changed", ["rows", "options", "graph"])
def test_other_rows_options_or_graphs_are_searched_again(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    export(checkpoint, tmp_path / "one")
    options = {}
    if changed == "rows":
        rows = (checkpoint / "validation.jsonl").read_text().splitlines()
        (checkpoint / "validation.jsonl").write_text("\n".join(rows[:-2]) + "\n")
    elif changed == "options":
        options["max_loss"] = 0.5
    else:  # the graph is written, but differs from the one that was compared
        found = session.hash_file
        monkeypatch.setattr(session, "hash_file", lambda path: found(path)[::-1])
    notes: list[str] = []
    export(checkpoint, tmp_path / "two", stage=notes.append, **options)  # type: ignore[arg-type]
    assert REUSED not in notes


def test_without_a_cache_folder_nothing_is_kept(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", "/dev/null")
    bundle = export(checkpoint, tmp_path / "one", precision="fp32").output
    assert load_search(search_key(checkpoint, bundle / "onnx/model.onnx", "fp32", None, 0.005)) is None
