"""The image and the service of systemd, as far as that needs no build: scripts/image/check_image.py runs the image."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "glossator.service"


@pytest.fixture(scope="module")
def check_image() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_image", ROOT / "scripts" / "image" / "check_image.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_container_of_the_check_has_no_rights(check_image: ModuleType) -> None:
    config = {"User": "10001", "Env": ["A=b"], "Entrypoint": ["glossator"], "Cmd": ["serve"], "Volumes": {"/cache": {}}}
    spec = check_image.container_spec(config, Path("/root-of-image"), Path("/bundle"), "secret")
    assert spec["root"] == {"path": "/root-of-image", "readonly": True}
    assert spec["process"]["user"] == {"uid": 10001, "gid": 10001}
    assert spec["process"]["noNewPrivileges"]
    assert set(map(tuple, spec["process"]["capabilities"].values())) == {()}
    with pytest.raises(AssertionError, match="as root"):
        check_image.container_spec(config | {"User": "0"}, Path("/root-of-image"), Path("/bundle"), "secret")


def test_builder_is_sent_what_the_image_copies_and_nothing_else() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sent = {path for line in copied for path in line.split()}
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!/") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert allowed == sent


def test_only_servers_have_the_health_check_of_the_image() -> None:
    assert "HEALTHCHECK" in (DEPLOY / "Dockerfile").read_text()
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert services["worker"]["healthcheck"] == {"disable": True}
    assert "healthcheck" not in services["server-1"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_service(tmp_path: Path) -> None:
    program = tmp_path / "glossator"
    program.touch(mode=0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/glossator/bin/glossator serve", f"{program} serve"))
    verified = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(copy)], capture_output=True, text=True
    )
    assert rated.returncode == 0, rated.stdout
