"""The files in `deploy/` match the program, and its load balancer works in front of two servers."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml
from nginx import balancer
from servers import server
from vote_bundle import vote_bundle

from glossator.cli.app import COMMANDS
from glossator.service.api.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return content


def test_compose_uses_existing_settings_and_commands(compose: dict[str, Any]) -> None:
    ours = [each for each in compose["services"].values() if each["image"] == "glossator"]
    assert len(ours) == 3
    for service in ours:
        names = {name.removeprefix(PREFIX).lower() for name in service["environment"]}
        assert names <= set(Settings.model_fields)
        command, *arguments = service["command"]
        assert command in {each.__name__ for each in COMMANDS}
        assert all(argument.startswith("/models/") for argument in arguments)
        mounted = {volume.rpartition(":")[0] if volume.endswith(":ro") else volume for volume in service["volumes"]}
        assert {volume.partition(":")[0] for volume in mounted if not volume.startswith("$")} <= set(compose["volumes"])
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_balancer_lists_the_servers(compose: dict[str, Any]) -> None:
    named = re.findall(r"server (\S+):8000", (DEPLOY / "nginx.conf").read_text())
    served = [name for name, each in compose["services"].items() if each.get("command", [""])[0] == "serve"]
    assert named == served * 2  # each is its own backup
    assert compose["services"]["balancer"]["depends_on"] == served


def test_image_contains_all_packages_and_installs_existing_extras() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = re.search(r"^FOLDERS = (\(.*\))$", (ROOT / "setup.py").read_text(), re.M)
    assert folders is not None
    for folder in ast.literal_eval(folders[1]):
        assert f"COPY {folder} {folder}\n" in text
    own = subprocess.run(["git", "ls-files", "glossator"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(re.fullmatch(r"glossator/(\w+\.py|py\.typed)", path) for path in own.split())
    assert "COPY glossator/*.py glossator/py.typed glossator/\n" in text
    assert "setup.py" in text
    extras = re.search(r"^ARG EXTRAS=([a-z,]+)$", text, re.M)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project["project"]["optional-dependencies"])
    assert re.search(r"^USER [1-9]\d*$", text, re.M)


def test_servers_behind_the_balancer_replace_each_other(tmp_path: Path, postgres_url: str) -> None:
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    shared = {"jobs": tmp_path / "jobs", "free_disk_bytes": 0, "job_database": postgres_url, "job_lease_seconds": 1.5}
    with (
        server(bundle, **shared) as first,
        server(bundle, **shared) as second,
        balancer(tmp_path, [each.url.removeprefix("http://") for each in (first, second)]) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        made = client.post(
            "/v1/jobs", data={"model": "intents"}, files={"file": ("a.csv", b"text\n" + b"money\n" * 20_000)}
        )
        assert made.status_code == 202, made.text
        job = made.json()["id"]
        first.process.kill()
        for _ in range(20):
            answer = client.post("/v1/models/intents/predict", json={"text": "money"})
            assert answer.json()["results"][0]["labels"] == ["refund"]
        until = time.monotonic() + 60
        while client.get(f"/v1/jobs/{job}").json()["state"] != "completed":
            assert time.monotonic() < until
            time.sleep(0.2)
        assert len(client.get(f"/v1/jobs/{job}/result").text.splitlines()) == 20_001


def test_dashboard_asks_for_metrics_that_there_are(tmp_path: Path) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "glossator.json").read_text())
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    with server(bundle) as running:
        httpx.post(f"{running.url}/v1/models/intents/predict", json={"texts": ["money", ""]})
        exposition = httpx.get(f"{running.url}/metrics").text
    samples = [line for line in exposition.splitlines() if not line.startswith("#")]
    names = {re.split(r"[{ ]", line)[0] for line in samples}
    expressions = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    used = {name for expression in expressions for name in re.findall(r"\b(?:glossator|process)_\w+", expression)}
    assert used <= names
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names if not name.endswith("_created")}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    left_out = {name for name in bare - shown if name.startswith("glossator_")}
    assert left_out == {"glossator_inference_seconds", "glossator_model_requests_total"}
    for expression in expressions:
        for metric, labels in re.findall(r"(glossator_\w+)\{([^}]*)\}", expression.replace("{name}", "NAME")):
            wanted = set(re.findall(r"(\w+)=", labels))
            there = next(line for line in samples if line.startswith(metric + "{"))
            assert wanted <= set(re.findall(r"(\w+)=", there)), (metric, labels)


CHART = DEPLOY / "helm" / "glossator"


def program(name: str) -> str:
    """The path of a program next to the Python interpreter or in PATH; skips the test without it."""
    next_to_python = Path(sys.executable).parent / name
    found = str(next_to_python) if next_to_python.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def rendered(*options: str) -> dict[str, Any]:
    """The resources that helm renders from the chart, by kind."""
    ran = subprocess.run(
        [program("helm"), "template", "release", str(CHART), *options], capture_output=True, text=True, check=True
    )
    return {each["kind"]: each for each in yaml.safe_load_all(ran.stdout)}


def test_chart_passes_helm_lint() -> None:
    ran = subprocess.run([program("helm"), "lint", "--strict", str(CHART)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("options", [[], ["--set", "replicas.metric=", "--set", "rootDialect=cohere"]])
@pytest.mark.parametrize("version", ["1.28", "1.37"])
def test_chart_renders_valid_kubernetes_resources(version: str, options: list[str]) -> None:
    resources = rendered(*options)
    assert set(resources) == {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    for each in resources.values():
        kubernetes_validate.validate(each, version, strict=True)


def test_chart_uses_existing_settings() -> None:
    resources = rendered("--set", "rootDialect=cohere")
    (container,) = resources["Deployment"]["spec"]["template"]["spec"]["containers"]
    names = {each["name"].removeprefix(PREFIX).lower() for each in container["env"]}
    assert "root_dialect" in names
    assert names - {"cache_dir"} <= set(Settings.model_fields)
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert container["image"] == f"glossator:{release}"
    assert {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("readiness", "liveness")} == {
        "/readyz", "/livez",
    }  # fmt: skip
    metrics = resources["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert metrics[0]["pods"]["metric"]["name"] == "glossator_mean_wait_seconds"
    without = rendered("--set", "replicas.metric=")["HorizontalPodAutoscaler"]["spec"]["metrics"]
    assert [each["type"] for each in without] == ["Resource"]


def test_templates_use_only_existing_values() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for file in (CHART / "templates").iterdir():
        for path in re.findall(r"\.Values\.([\w.]+)", file.read_text()):
            found: Any = values
            for part in path.split("."):
                assert part in found, path
                found = found[part]


@pytest.mark.parametrize("name", ["hadolint", "yamllint"])
def test_files_pass_their_linters(name: str) -> None:
    rules = "{extends: relaxed, rules: {line-length: {max: 140}, commas: disable}}"
    plain = [DEPLOY / "compose.yaml", *sorted((DEPLOY / "helm").glob("*.yaml")), *sorted(CHART.glob("*.yaml"))]
    arguments = [DEPLOY / "Dockerfile"] if name == "hadolint" else ["--strict", "-d", rules, *plain]
    ran = subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
