"""Every benchmark imports, and those that can be small run and store a result of the right format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from vote_bundle import vote_bundle

from benchmarks.common.results import ROOT, machine_kind, read_result
from glossator.service.inference.runtime.machine import describe_machine

SCRIPTS = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in (ROOT / "benchmarks").glob("*/*.py")
    if file.parent.name != "common" and file.name != "__init__.py" and "def main" in file.read_text(encoding="utf-8")
)
SMALL = {
    "benchmarks.corpora.false_alarms": ("false_alarms", ["--pairs", "20"]),
    "benchmarks.reliability.threads": ("threads", ["{bundle}", "--calls", "2"]),
    "benchmarks.speed.cluster_simulation": ("cluster_simulation", ["--rows", "2000000", "--seeds", "1"]),
    "benchmarks.speed.int8_kernels": ("int8_kernels", ["2"]),
}
"""The name of the result, and arguments with which a script takes a few seconds."""
NEEDS = {
    "a trained model, or minutes of training": {
        "quality.accuracy", "quality.cascade", "quality.context", "quality.explain", "quality.few_shot",
        "quality.heads", "quality.invariance", "quality.ladder", "quality.tasks", "speed.encoder_families",
        "speed.heads", "speed.large_vocabulary", "speed.long_attention", "speed.operators", "speed.repeated_export",
        "speed.training_families", "speed.training_speed",
    },
    "public corpora": {
        "corpora.active_learning", "corpora.encodings", "corpora.entity_errors", "corpora.faults",
        "corpora.label_audits", "corpora.label_errors", "corpora.learning_curves", "corpora.real_corpora",
        "corpora.review", "loop.drift", "loop.drift_summaries", "loop.live_accuracy", "loop.live_f1", "loop.promotion",
        "loop.story", "quality.onnx_door", "quality.out_of_scope", "quality.sklearn_pipelines",
        "quality.tfidf_characters", "speed.million_rows",
    },
    "a server under load, minutes long, or rivals in environments of their own": {
        "loop.log_cost", "pages.first_page", "pages.review_keys", "quality.model_families", "reliability.event_loop",
        "reliability.fuzz", "reliability.job_history", "reliability.kill_sweep", "reliability.memory",
        "reliability.memory_http", "reliability.mutants", "reliability.overload", "reliability.reader_fuzz",
        "reliability.refusals", "reliability.replicas", "reliability.verify_damage", "speed.bulk", "speed.engines",
        "speed.online", "speed.partitions", "speed.quota", "speed.ray_actors", "speed.startup", "speed.two_lanes",
    },
}  # fmt: skip
"""What the other scripts need, which a test has not. Types and imports of these are checked."""


def test_every_script_is_small_or_says_what_it_needs() -> None:
    excused = {f"benchmarks.{name}" for names in NEEDS.values() for name in names}
    assert set(SCRIPTS) - SMALL.keys() - excused == set()
    assert SMALL.keys() & excused == set()
    assert SMALL.keys() <= set(SCRIPTS)


def test_every_script_imports() -> None:
    """In one process of its own: scripts set variables of the environment."""
    code = """
import importlib, sys
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"
print(failed or "")
"""
    done = subprocess.run([sys.executable, "-c", code, *SCRIPTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("script", SMALL)
def test_a_small_run_stores_a_result(script: str, tmp_path: Path) -> None:
    name, arguments = SMALL[script]
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification") if "{bundle}" in arguments else tmp_path
    command = [sys.executable, "-m", script, *(each.format(bundle=bundle) for each in arguments)]
    environment = os.environ | {"GLOSSATOR_BENCHMARK_RESULTS": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kind = machine_kind(describe_machine()[0])
    result = read_result(tmp_path / name / f"{kind}.json")
    assert script in (result.command or "")
    assert result.commit is None or len(result.commit) == 40
    assert result.versions.keys() >= {"python", "glossator"}
    assert json.dumps(result.values) not in ("null", "[]", "{}")
    assert (tmp_path / name / f"{kind}.md").read_text(encoding="utf-8").startswith("#")
