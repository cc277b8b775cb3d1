"""Labelling in parts on a Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ray_nodes import ray_nodes

pytest.importorskip("ray")
ROOT = Path(__file__).resolve().parents[4]
ROWS = 20_000


def test_a_killed_node_loses_and_doubles_no_rows(bundles: dict[str, Path], tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps({"n": n, "text": f"money {n}"}) + "\n" for n in range(ROWS)))
    program = (
        "import sys\n"
        "from glossator.service.inference.model import load\n"
        "from glossator.service.labelling.file_labelling import FileLabelling\n"
        "from glossator.service.labelling.partitions.ray_actors import RayActors\n"
        "from glossator.service.labelling.partitions.run import label_parts\n"
        "from glossator.service.labelling.ray_cluster import RayCluster\n"
        "source, out, bundle, address = sys.argv[1:]\n"
        "model = load(bundle, threads=1)\n"
        "summary = label_parts(FileLabelling(source=source, output=out), model,\n"
        "                      RayActors(RayCluster(address, 2), model), part_bytes=30_000)\n"
        "assert summary.finished == summary.parts\n"
    )
    with ray_nodes(2) as (address, kill):
        process = subprocess.Popen(
            [sys.executable, "-c", program, source, out, bundles["intents"], address],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        )
        try:
            deadline = time.monotonic() + 90
            while len(list(out.glob("_done/*.json"))) < 2 and time.monotonic() < deadline:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.01)
            kill()
            _, errors = process.communicate(timeout=100)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, errors
    found = [
        json.loads(line)["n"] for path in sorted(out.glob("part-*.jsonl")) for line in path.read_text().splitlines()
    ]
    assert found == list(range(ROWS))
