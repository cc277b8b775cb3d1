"""A fresh process imports all of `glossator.service` without one heavy package.

`glossator.service.integrations` is left out: its modules are imported by the packages that they serve.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "datasets", "sklearn", "spacy", "scipy", "pandas", "matplotlib", "onnx", "pyarrow"}

IMPORT_ALL = """
import importlib, json, pkgutil, sys
import glossator.service
names = [module.name for module in pkgutil.walk_packages(glossator.service.__path__, "glossator.service.")
    if not module.name.startswith("glossator.service.integrations.")]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def _loaded(program: str) -> list[list[str]]:
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded: list[list[str]] = json.loads(finished.stdout)
    return loaded


def test_service_imports_nothing_heavy() -> None:
    names, packages = _loaded(IMPORT_ALL)
    assert {
        "glossator.service.api.app",
        "glossator.service.api.transport.server",
        "glossator.service.inference.model",
    } <= set(names)
    assert HEAVY.isdisjoint(packages)
    assert "onnxruntime" in packages  # the process really imported them


def test_inference_needs_no_server() -> None:
    program = "import json, sys, glossator.service.inference.model; print(json.dumps([list(sys.modules)]))"
    (modules,) = _loaded(program)
    assert {"fastapi", "starlette", "uvicorn", "prometheus_client"}.isdisjoint(modules)
    assert "glossator.service.inference.model" in modules


def test_service_api_does_nothing_at_import() -> None:
    (modules,) = _loaded("import json, sys, glossator.service.api; print(json.dumps([list(sys.modules)]))")
    assert "fastapi" not in modules


def test_inference_leaves_no_telemetry_files_behind(tiny_bundle: Callable[[str], Path], tmp_path: Path) -> None:
    """The telemetry of ONNX Runtime, if it is on, writes an identifier of the machine to the cache folder."""
    program = "import sys, glossator; print(glossator.load(sys.argv[1])('where is my parcel').label)"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    places = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "CI": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(tiny_bundle("single_label_classification"))]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, env=environment | places)
    assert (finished.stdout, finished.stderr) == ("delivery\n", "")
    assert list(tmp_path.rglob("*")) == []
