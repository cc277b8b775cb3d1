"""A user without privileges, without a home folder, who may only read the models: serving and labelling work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import ROOT
from vote_bundle import vote_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle that nobody may write to, nor add files next to it."""
    folder = tmp_path_factory.mktemp("read-only")
    bundle = vote_bundle(folder / "intents", "single_label_classification")
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield bundle
    for path in paths:
        path.chmod(0o755 if path.is_dir() else 0o644)


def unprivileged() -> list[str]:
    """The command that runs another one without the privileges of root, to whom permissions do not apply."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]


def command(*arguments: object) -> list[str]:
    return [*unprivileged(), sys.executable, "-m", "glossator", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


def test_serve_without_a_home(bundle: Path) -> None:
    process = subprocess.Popen(
        command("serve", bundle, "--port", "0"),
        cwd=bundle, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("listening on "):
                break
        url = lines[-1].split()[2]
        answer = httpx.post(f"{url}/v1/models/intents/predict", json={"text": "money"})
        assert answer.json()["results"][0]["labels"] == ["refund"]
        assert httpx.get(f"{url}/ui/models/intents").status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "")


def test_label_with_a_home_that_does_not_exist(bundle: Path, tmp_path: Path) -> None:
    texts, labelled = tmp_path / "texts.csv", tmp_path / "labelled.csv"
    texts.write_text("text\nmoney\n")
    ran = subprocess.run(
        command("label", texts, "-m", bundle, "-o", labelled),
        cwd=bundle, env=environment(HOME="/nonexistent"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert labelled.read_text().splitlines()[1].startswith("money,refund,")


def test_output_in_a_folder_that_may_not_be_written_is_named(bundle: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("text\nmoney\n")
    labelled = bundle.parent / "labelled.csv"
    ran = subprocess.run(
        command("label", texts, "-m", bundle, "-o", labelled),
        cwd=bundle, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 1
    assert f"the output cannot be written: {labelled}\n  found: Permission denied" in ran.stderr
    assert "Traceback" not in ran.stderr
