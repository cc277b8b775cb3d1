"""`glossator serve`: errors before it listens; test_full_pipeline has it answer and stop."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
SINGLE = "single_label_classification"


@pytest.fixture
def bundle(tiny_bundle: Callable[[str], Path]) -> Path:
    return tiny_bundle(SINGLE)


def test_a_port_in_use_is_an_error(run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        by_option = run("serve", bundle, "--port", port)
        monkeypatch.setenv("GLOSSATOR_PORT", port)
        by_variable = run("serve", bundle)
        monkeypatch.setenv("GLOSSATOR_PORT", "99999")
        monkeypatch.setenv("GLOSSATOR_SERVE_PORT", port)
        by_own_variable = run("serve", bundle)
    for result in (by_option, by_variable, by_own_variable):
        assert (result.code, result.out) == (2, "")
        assert f"the port is in use\n  found: 127.0.0.1:{port}" in result.err


def test_an_address_beyond_loopback_needs_a_key(run: Run, bundle: Path) -> None:
    result = run("serve", bundle, "--host", "0.0.0.0", "--port", "0")
    assert result.code == 2
    assert "GLOSSATOR_API_KEYS" in result.err


def test_an_invalid_setting_of_the_api_is_named(run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_MAX_TEXTS", "many")
    result = run("serve", bundle, "--port", "0")
    assert result.code == 2
    assert "GLOSSATOR_MAX_TEXTS" in result.err


def test_two_bundles_with_the_same_name_are_refused(run: Run, bundle: Path) -> None:
    result = run("serve", bundle, bundle, "--port", "0")
    assert result.code == 2
    assert "two bundles have the same name" in result.err


def test_a_damaged_bundle_is_refused_by_name(run: Run, bundle: Path, folder: Path) -> None:
    shutil.copytree(bundle, "damaged")
    with Path("damaged/onnx/model.onnx").open("r+b") as file:
        file.write(b"x")
    result = run("serve", bundle, "damaged", "--port", "0")
    assert result.code == 1
    assert "found: damaged\n" in result.err
    assert "wrong-hash: onnx/model.onnx" in result.err


@pytest.mark.parametrize("folder_name", ["nope", "."])
def test_a_folder_without_a_bundle_is_refused(run: Run, folder: Path, folder_name: str) -> None:
    result = run("serve", folder_name)
    assert result.code == 1
    assert "Give the folder that `glossator export` wrote." in result.err


def test_shadows_and_canaries_need_a_registry_and_a_log(run: Run, bundle: Path) -> None:
    shadow, canary = (
        ("serve", bundle, "--shadow", "m=challenger:0.2"),
        ("serve", bundle, "--canary", "m=challenger:0.2"),
    )
    assert "hint: Add --log FOLDER." in run(*shadow, "--port", "0").err
    logged = run(*shadow, "--log", "log", "--port", "0")
    assert (logged.code, "a shadow needs a registry" in logged.err) == (2, True)
    assert "a canary needs a registry" in run(*canary, "--port", "0").err
    badly = run("serve", bundle, "--shadow", "m=challenger:20", "--canary", "m", "--port", "0")
    assert badly.code == 2
    assert "shadow (GLOSSATOR_SHADOW): the share in 'm=challenger:20' is not from 0 to 1" in badly.err
    assert "canary (GLOSSATOR_CANARY): 'm' is not MODEL=VERSION:SHARE" in badly.err
