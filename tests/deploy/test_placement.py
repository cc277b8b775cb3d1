"""Several models on several servers, not every model on every server: where they go, and that requests find them."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nginx import balancer, free_port, wait_until_it_listens
from servers import ROOT, environment
from vote_bundle import vote_bundle

from glossator.service.errors import ConfigError

SCRIPT = ROOT / "deploy" / "placement.py"
MODELS = ("first", "Second", "second", "third.v2")
PATHS = {
    "/v1/models/{}/predict": {"text": "money"},
    "/v1/models/{}:predict": {"instances": ["money"]},
    "/tei/{}/predict": {"inputs": "money"},
    "/hf/{}": {"inputs": "money"},
}


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("placement", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


placement = load_script()
MEMORY = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 100), min_size=1)
SERVERS = st.integers(1, 6).map(lambda count: [f"10.0.0.{number}:8000" for number in range(count)])


@given(MEMORY, SERVERS, st.integers(1, 300), st.integers(1, 3))
def test_every_model_has_its_copies_on_servers_with_room(
    memory: dict[str, int], servers: list[str], server_mb: int, copies: int
) -> None:
    try:
        placed = placement.place(memory, servers, server_mb=server_mb, copies=copies)
    except ConfigError:
        all_fit_on_each = sum(memory.values()) <= server_mb and copies <= len(servers)
        assert not all_fit_on_each
        return
    assert list(placed) == servers
    for names in placed.values():
        assert len(set(names)) == len(names)
        assert sum(memory[name] for name in names) <= server_mb
    for name in memory:
        assert sum(name in names for names in placed.values()) == copies


def test_servers_share_the_models() -> None:
    placed = placement.place(dict.fromkeys("abcd", 10), ["one", "two", "three", "four"], server_mb=100, copies=1)
    assert [len(names) for names in placed.values()] == [1, 1, 1, 1]


def test_models_that_fit_only_if_small_ones_share_a_server() -> None:
    """The most free memory first would put `a` and `b` on different servers, which leaves no room for `e`."""
    memory = {"a": 6, "b": 6, "c": 4, "d": 4, "e": 4}
    placed = placement.place(memory, ["one", "two"], server_mb=12, copies=1)
    assert placed == {"one": ["a", "b"], "two": ["c", "d", "e"]}


@pytest.mark.parametrize(
    ("server_mb", "copies", "message"),
    [(100, 3, "fewer servers than copies"), (9, 1, "the model a is too large"), (15, 2, "the models do not fit")],
)
def test_models_that_do_not_fit_are_an_error_with_a_hint(server_mb: int, copies: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        placement.place({"a": 10, "b": 8}, ["one", "two"], server_mb=server_mb, copies=copies)
    assert caught.value.hint is not None


def test_requests_arrive_at_a_server_that_has_the_model(tmp_path: Path) -> None:
    bundles = [vote_bundle(tmp_path / name, "single_label_classification") for name in MODELS]
    one_mb = placement.measure_mb(bundles[0])
    assert 5 < one_mb < 500
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, bundles), *(f"--server={address}" for address in addresses),
         "--memory-mb", str(200 + round(3.5 * one_mb)), "--copies", "2", "--output", str(tmp_path / "placement")],
        capture_output=True, text=True, cwd=ROOT, env=environment({}),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    commands = [shlex.split(line) for line in ran.stdout.splitlines() if not line.startswith("#")]
    assert [f"{command[-3]}:{command[-1]}" for command in commands] == addresses
    assert all(len(command) - 6 < len(MODELS) for command in commands)  # no server has all models
    with ExitStack() as stack:
        processes = []
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, "--threads", "1", "-q"], cwd=ROOT, env=environment({})
            )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            processes.append(process)
        for address in addresses:
            wait_until_it_listens(int(address.rpartition(":")[2]))
        config = (tmp_path / "placement" / "nginx.conf").read_text()
        url = stack.enter_context(balancer(tmp_path, [], config))
        client = stack.enter_context(httpx.Client(base_url=url, timeout=60))

        def check_models() -> None:
            for name in MODELS:
                for path, body in PATHS.items():
                    for _ in range(4):
                        answer = client.post(path.format(name), json=body)
                        assert answer.status_code == 200, (path, name, answer.text)
                assert client.post(f"/v1/models/{name}/predict", json={"text": "money"}).json()["model"] == name

        check_models()
        for path in ("/v1/models/fourth/predict", "/v1/embeddings", "/v1/jobs"):
            assert client.post(path, json={}).status_code == 404
        processes[0].terminate()
        assert processes[0].wait(60) == 0
        check_models()  # every model has another copy
