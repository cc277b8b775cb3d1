"""Labelling on a Ray cluster: two nodes on this machine, one of which is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ray_nodes import ray_nodes

from glossator.service.inference.model import load
from glossator.service.labelling.file_labelling import Job, run
from glossator.service.labelling.ledger import folder_of

pytest.importorskip("ray")
ROOT = Path(__file__).resolve().parents[3]
TEXTS = ["money", "the parcel", "thanks", "", "money money the"]
ROWS = 40_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Callable[[], None]]]:
    with ray_nodes(2) as made:
        yield made


def write(path: Path, rows: int) -> Path:
    path.write_text("".join(json.dumps({"n": n, "text": TEXTS[n % 5]}) + "\n" for n in range(rows)))
    return path


def communicate(process: subprocess.Popen[str], seconds: float = 60) -> tuple[str, str]:
    """What it printed until its end; it is killed where that does not come in time."""
    try:
        return process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.communicate()


def label(source: Path, bundle: Path, output: Path, address: str, *further: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "glossator", "label", str(source), "-m", str(bundle), "-o", str(output), "--ray", address,
         "--json", *further],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip


def test_actors_that_there_are_no_machines_for_get_no_chunks(
    bundles: dict[str, Path], tmp_path: Path, cluster: tuple[str, Callable[[], None]]
) -> None:
    source = write(tmp_path / "in.jsonl", 5_000)
    told, said = communicate(label(source, bundles["intents"], tmp_path / "out.jsonl", cluster[0], "--actors", "9"))
    assert json.loads(told)["rows"] == 5_000, said


def test_node_that_is_killed_loses_nothing(
    bundles: dict[str, Path], tmp_path: Path, cluster: tuple[str, Callable[[], None]]
) -> None:
    address, kill = cluster
    source = write(tmp_path / "in.jsonl", ROWS)
    output = tmp_path / "out.jsonl"
    process = label(source, bundles["intents"], output, address)
    try:
        _killed_in_the_middle(process, output, kill)
    finally:
        told, said = communicate(process, 100)
    assert process.returncode == 3, said
    summary = json.loads(told)
    assert (summary["rows"], summary["errors"]) == (ROWS, {"empty-text": ROWS // 5})
    run(Job(source=str(source), output=str(tmp_path / "here.jsonl")), load(bundles["intents"], threads=1))
    assert output.read_bytes() == (tmp_path / "here.jsonl").read_bytes()


def _killed_in_the_middle(process: subprocess.Popen[str], output: Path, kill: Callable[[], None]) -> None:
    until = time.monotonic() + 60
    while len(list(folder_of(output).glob("*.part"))) < 3 and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.01)
    kill()


def test_options_and_their_errors_come_through(
    bundles: dict[str, Path], tmp_path: Path, cluster: tuple[str, Callable[[], None]]
) -> None:
    source = write(tmp_path / "in.jsonl", 10)
    process = label(source, bundles["intents"], tmp_path / "out.jsonl", cluster[0], "--threshold", "0.5")
    told, said = communicate(process)
    assert process.returncode == 2, said
    assert '"code": "config-error"' in told + said  # Ray may have said something before


def test_cluster_that_is_not_there_is_told(bundles: dict[str, Path], tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 10)
    for output, address, message in (("out.jsonl", "127.0.0.1:1", "no Ray cluster"), ("-", "x", "writes to a file")):
        place = Path("-") if output == "-" else tmp_path / output
        process = label(source, bundles["intents"], place, address)
        told, said = communicate(process)
        assert process.returncode == 2, said
        assert message in told + said
