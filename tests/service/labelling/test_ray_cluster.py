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
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.ledger import ledger_folder

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
    """Return what the process printed; it is killed if it does not end in time."""
    try:
        return process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.communicate()


def label(source: Path, bundle: Path, output: Path, address: str, *further: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "glossator",
            "label",
            str(source),
            "-m",
            str(bundle),
            "-o",
            str(output),
            "--ray",
            address,
            "--json",
            *further,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )


def test_actors_without_a_machine_get_no_chunks(
    bundles: dict[str, Path], tmp_path: Path, cluster: tuple[str, Callable[[], None]]
) -> None:
    source = write(tmp_path / "in.jsonl", 5_000)
    output_text, errors = communicate(
        label(source, bundles["intents"], tmp_path / "out.jsonl", cluster[0], "--actors", "9")
    )
    assert json.loads(output_text)["rows"] == 5_000, errors


def test_a_killed_node_loses_no_rows(
    bundles: dict[str, Path], tmp_path: Path, cluster: tuple[str, Callable[[], None]]
) -> None:
    address, kill = cluster
    source = write(tmp_path / "in.jsonl", ROWS)
    output = tmp_path / "out.jsonl"
    process = label(source, bundles["intents"], output, address)
    try:
        _killed_in_the_middle(process, output, kill)
    finally:
        output_text, errors = communicate(process, 100)
    assert process.returncode == 3, errors
    summary = json.loads(output_text)
    assert (summary["rows"], summary["errors"]) == (ROWS, {"empty-text": ROWS // 5})
    label_file(
        FileLabelling(source=str(source), output=str(tmp_path / "here.jsonl")), load(bundles["intents"], threads=1)
    )
    assert output.read_bytes() == (tmp_path / "here.jsonl").read_bytes()


def _killed_in_the_middle(process: subprocess.Popen[str], output: Path, kill: Callable[[], None]) -> None:
    until = time.monotonic() + 60
    while len(list(ledger_folder(output).glob("*.part"))) < 3 and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.01)
    kill()


def test_options_and_their_errors_reach_the_actors(
    bundles: dict[str, Path], tmp_path: Path, cluster: tuple[str, Callable[[], None]]
) -> None:
    source = write(tmp_path / "in.jsonl", 10)
    process = label(source, bundles["intents"], tmp_path / "out.jsonl", cluster[0], "--threshold", "0.5")
    output_text, errors = communicate(process)
    assert process.returncode == 2, errors
    assert '"code": "config-error"' in output_text + errors  # Ray may print something first


def test_a_missing_cluster_is_an_error_with_a_hint(bundles: dict[str, Path], tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", 10)
    for output, address, message in (
        ("out.jsonl", "127.0.0.1:1", "no Ray cluster"),
        ("-", "x", "needs an output file"),
    ):
        place = Path("-") if output == "-" else tmp_path / output
        process = label(source, bundles["intents"], place, address)
        output_text, errors = communicate(process)
        assert process.returncode == 2, errors
        assert message in output_text + errors
