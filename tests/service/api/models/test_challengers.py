"""Shadows and canaries of a server: which version they use, and who gets its answers."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from vote_bundle import LABELS, vector_bundle, vote_bundle

from glossator.service.api.app import create_app
from glossator.service.api.models import registry_catalog
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.settings import Settings
from glossator.service.errors import ConfigError, GlossatorError, UnknownModel
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import InlineExecutor, Pipeline
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.queue.calls import Outputs, Windows
from glossator.service.monitoring.prediction_log.comparison import compare_shadows
from glossator.service.monitoring.prediction_log.erasures import erase
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader
from glossator.service.monitoring.prediction_log.records import hash_text
from glossator.service.monitoring.traffic_shares import position
from glossator.service.registry import Registry

TEXTS = [f"{word} {number}" for number in range(20) for word in ("money", "the parcel", "thanks")]
CHOICES = '<Choices name="c" toName="t">' + "".join(f'<Choice value="{each}"/>' for each in LABELS) + "</Choices>"
ROUTES: dict[str, Callable[[str], tuple[str, dict[str, Any]]]] = {
    "native": lambda text: ("/v1/models/intents/predict", {"text": text}),
    "hugging-face": lambda text: ("/hf/intents", {"inputs": text}),
    "text-embeddings-inference": lambda text: ("/tei/intents/predict", {"inputs": text}),
    "open-inference": lambda text: (
        "/v2/models/intents/infer",
        {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]},
    ),
    "kserve v1": lambda text: ("/v1/models/intents:predict", {"instances": [text]}),
    "cohere": lambda text: ("/cohere/v1/classify", {"model": "intents", "inputs": [text]}),
    "label-studio": lambda text: (
        "/label-studio/intents/predict",
        {
            "tasks": [{"id": 1, "data": {"text": text}}],
            "label_config": f'<View><Text name="t" value="$text"/>{CHOICES}</View>',
        },
    ),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("versions")
    return {
        "first": vote_bundle(root / "1" / "intents", "single_label_classification"),
        "second": vote_bundle(root / "2" / "intents", "single_label_classification", labels=LABELS),
        "other labels": vote_bundle(root / "3" / "intents", "single_label_classification", labels=["a", "b"]),
        "other task": vote_bundle(root / "4" / "intents", "multi_label_classification"),
        "vectors": vector_bundle(root / "5" / "vectors", dimension=8),
    }


@pytest.fixture
def registry(tmp_path: Path, bundles: dict[str, Path]) -> Registry:
    registry = Registry(tmp_path / "registry")
    registry.add(bundles["first"])
    registry.add(bundles["second"], alias="challenger")
    return registry


def load_one_thread(folder: Path) -> Model:
    return load(folder, threads=1)


class Server:
    """An app that follows a registry, with its client."""

    def __init__(self, registry: Registry, load: Callable[[Path], Model], budget: int | None, **settings: Any) -> None:
        self.catalog = RegistryCatalog(registry, load=load, budget_bytes=budget)
        self.app = create_app(self.catalog, Settings(free_disk_bytes=0, queue_seconds=60, **settings))
        self.client = TestClient(self.app, base_url="http://127.0.0.1:8000")
        self.client.__enter__()

    def close(self) -> None:
        client, self.client = self.client, None  # type: ignore[assignment]
        if client is not None:
            client.__exit__(None, None, None)

    def version(self, text: str = "money", name: str = "intents", **headers: str) -> str:
        """The digest of the version that answers."""
        answer = self.client.post(
            f"/v1/models/{name}/predict",
            json={"text": text},
            headers={k.replace("_", "-"): v for k, v in headers.items()},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["version"])

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric that have these labels."""
        total = 0.0
        for line in self.client.get("/metrics").text.splitlines():
            found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
            if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
                total += float(found[2])
        return total

    def problems(self) -> list[str]:
        return list(self.client.get("/readyz").json().get("problems", ()))


@pytest.fixture
def serve(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    monkeypatch.setattr(registry_catalog, "POLL_SECONDS", 0.02)
    servers: list[Server] = []

    def start(load: Callable[[Path], Model] = load_one_thread, budget: int | None = None, **settings: Any) -> Server:
        servers.append(Server(registry, load, budget, **settings))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


def wait_until(check: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not check():
        assert time.monotonic() < end
        time.sleep(0.01)


def read(folder: Path, role: Any = "shadow") -> list[dict[str, Any]]:
    return list(LogReader(folder, LogFilter(role=role)))


def is_loaded(server: Server, digest: str) -> bool:
    return any(model.digest == digest for _, model in server.catalog.loaded())


# -- shadows -----------------------------------------------------------------------------------------------------------


def test_a_shadow_answers_its_share_for_the_log_alone(
    serve: Callable[..., Server], registry: Registry, bundles: dict[str, Path], tmp_path: Path
) -> None:
    server = serve(prediction_log=tmp_path / "log", shadow="intents=challenger:0.5")
    first, second = registry.record("intents").versions
    wait_until(lambda: is_loaded(server, second))
    for text in TEXTS[:30]:
        assert server.version(text) == first
    assert server.client.post("/v1/models/intents/predict", json={"texts": TEXTS[30:]}).json()["version"] == first
    share = {each for text in TEXTS if position(each := hash_text(text), use="shadow") < 0.5}
    assert 0.2 < len(share) / len(TEXTS) < 0.8
    wait_until(lambda: server.metric("glossator_shadow_answers_total") == len(share))
    server.close()
    chosen = {each["sha256"]: each for each in read(tmp_path / "log", "served")}
    found = read(tmp_path / "log")
    assert {each["sha256"] for each in found} == share
    model = load_one_thread(bundles["second"])
    expected = {hash_text(text): model(text).label for text in TEXTS}
    for each in found:
        assert each["digest"] == second
        assert each["labels"] == [expected[each["sha256"]]]
        assert each["version"] == "challenger"
        assert each["request"] == chosen[each["sha256"]]["request"]
        assert "text" not in each  # texts are not logged here


def test_the_metrics_and_the_statistics_count_disagreements(
    serve: Callable[..., Server], registry: Registry, bundles: dict[str, Path], tmp_path: Path
) -> None:
    server = serve(prediction_log=tmp_path / "log", shadow="intents=challenger:1")
    second = registry.record("intents").aliases["challenger"]
    wait_until(lambda: is_loaded(server, second))
    server.client.post("/v1/models/intents/predict", json={"texts": TEXTS})
    labels = {"model": "intents", "challenger": "challenger"}
    wait_until(lambda: server.metric("glossator_shadow_answers_total", **labels) == len(TEXTS))
    disagreements = server.metric("glossator_shadow_disagreements_total", **labels)
    assert server.metric("glossator_shadow_dropped_total", **labels) == 0.0
    assert server.metric("glossator_shadow_seconds_total", **labels) > 0.0
    assert server.metric("glossator_shadow_failing", **labels) == 0.0
    server.close()
    (found,) = compare_shadows(tmp_path / "log")
    assert (found.compared, found.disagreements) == (len(TEXTS), disagreements)
    first, other = (load_one_thread(bundles[name]) for name in ("first", "second"))
    assert disagreements == sum(first(text).label != other(text).label for text in TEXTS) > 0


def test_answers_do_not_wait_for_a_challenger_that_is_stuck(
    serve: Callable[..., Server], registry: Registry, tmp_path: Path
) -> None:
    second = registry.record("intents").aliases["challenger"]
    stuck, released = threading.Event(), threading.Event()

    def load_stuck(folder: Path) -> Model:
        model = load_one_thread(folder)
        if folder.name != second:
            return model

        def run(windows: Windows) -> Outputs:
            if threading.current_thread() is not loader:  # the catalog warms it up
                stuck.set()
                assert released.wait(60)
            return model.run(windows)

        loader = threading.current_thread()
        batcher = Batcher(run, workers=1)
        return Model(
            model.bundle,
            Pipeline(model.pipeline.encoder, _Direct(batcher, run, loader), model.task),
            batcher,
            model._session,
        )

    server = serve(load_stuck, prediction_log=tmp_path / "log", shadow="intents=challenger:1")
    wait_until(lambda: is_loaded(server, second))
    server.version("money")
    assert stuck.wait(30)
    first = registry.record("intents").versions[0]
    assert {server.version(text) for text in TEXTS} == {first}
    wait_until(lambda: len(read(tmp_path / "log", "served")) == len(TEXTS) + 1)
    assert read(tmp_path / "log") == []
    released.set()
    server.close()
    assert read(tmp_path / "log", "served")


class _Direct:
    """Runs in the thread that loads a model, and in the queue for all others."""

    def __init__(self, batcher: Batcher, run: Callable[[Windows], Outputs], loader: threading.Thread) -> None:
        self._batcher, self._run, self._loader = batcher, run, loader

    def submit(self, windows: Windows, **options: Any) -> Any:
        if threading.current_thread() is self._loader:
            return InlineExecutor(self._run).submit(windows)
        return self._batcher.submit(windows, **options)


def test_the_aliases_of_the_registry_are_followed(
    serve: Callable[..., Server], registry: Registry, bundles: dict[str, Path], tmp_path: Path
) -> None:
    server = serve(
        prediction_log=tmp_path / "log", shadow="intents=challenger:1 intents=previous:1", prediction_log_texts=True
    )
    first, second = registry.record("intents").versions

    def shadows(text: str) -> set[str]:
        return {each["digest"] for each in read(tmp_path / "log") if each["text"] == text}

    def answered_by(prefix: str, expected: set[str]) -> None:
        """Ask with new texts until the shadows of one are those versions."""
        numbers = iter(range(10**6))

        def check() -> bool:
            text = f"{prefix} {next(numbers)}"
            server.version(text)
            time.sleep(0.15)  # the log is written
            return shadows(text) == expected

        wait_until(check)

    answered_by("before", {second})
    third = registry.add(bundles["other labels"]).digest
    registry.alias("intents", third, "challenger")
    answered_by("third", {third})
    registry.alias("intents", second)  # a promotion: the previous champion is now a shadow too
    answered_by("promoted", {third, first})
    wait_until(lambda: server.version("after") == second)
    assert not any(model.digest == second and "@" in name for name, model in server.catalog.loaded())
    registry.rollback("intents")
    answered_by("back", {third})
    assert server.problems() == []
    registry.alias("intents", first, "challenger")  # no version other than the live one
    wait_until(lambda: server.version("x") == first and not is_loaded(server, third))  # it is released
    before = server.metric("glossator_shadow_answers_total")
    server.version("nobody else")
    wait_until(lambda: any(each["text"] == "nobody else" for each in read(tmp_path / "log", "served")))
    assert shadows("nobody else") == set()
    assert server.metric("glossator_shadow_answers_total") == before
    assert server.metric("glossator_shadow_dropped_total", reason="failed") == 0.0


def test_a_challenger_that_cannot_be_loaded_is_reported_and_answers_go_on(
    serve: Callable[..., Server], registry: Registry, tmp_path: Path
) -> None:
    first, second = registry.record("intents").versions
    graph = registry.folder("intents", second) / "onnx" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    server = serve(prediction_log=tmp_path / "log", shadow="intents=challenger:1", canary="intents=challenger:1")
    wait_until(lambda: len(server.problems()) == 2)
    assert {server.version(text) for text in TEXTS} == {first}
    for use in ("shadow", "canary"):
        assert any(each.startswith(f"the {use} of intents is off: ") for each in server.problems())
    assert server.client.get("/readyz").status_code == 200
    wait_until(lambda: server.metric("glossator_shadow_dropped_total", reason="not-loaded") == len(TEXTS))
    assert server.metric("glossator_shadow_failing") == 1.0


def test_anybody_may_read_why_a_challenger_is_off(serve: Callable[..., Server], registry: Registry) -> None:
    shutil.rmtree(registry.folder("intents", registry.record("intents").aliases["challenger"]))
    server = serve(canary="intents=challenger:1")
    wait_until(server.problems)
    (problem,) = server.problems()
    assert problem == "the canary of intents is off: there is no bundle here"


def test_a_challenger_evicts_no_live_model(
    serve: Callable[..., Server], registry: Registry, bundles: dict[str, Path], tmp_path: Path
) -> None:
    registry.add(bundles["first"], name="other")
    size = load_one_thread(bundles["first"]).bytes
    server = serve(budget=int(2.5 * size), prediction_log=tmp_path / "log", shadow="intents=challenger:1")
    live = [name for name, _ in server.catalog.loaded()]
    assert live == ["intents", "other"]
    wait_until(server.problems)
    assert "the memory budget has no room for the challenger" in server.problems()[0]
    server.version("money")
    wait_until(lambda: server.metric("glossator_shadow_dropped_total", reason="not-loaded") == 1.0)
    assert [name for name, _ in server.catalog.loaded()] == live


def test_an_erasure_covers_answers_of_the_shadow_that_come_later(
    serve: Callable[..., Server], registry: Registry, tmp_path: Path
) -> None:
    server = serve(prediction_log=tmp_path / "log", shadow="intents=challenger:1", prediction_log_texts=True)
    second = registry.record("intents").aliases["challenger"]
    wait_until(lambda: is_loaded(server, second))
    for text in ("money", "the parcel"):
        server.version(text)
    wait_until(lambda: len(read(tmp_path / "log")) == 2)
    assert {each["time"] for each in read(tmp_path / "log")} == {
        each["time"] for each in read(tmp_path / "log", "served")
    }
    erase(tmp_path / "log", text_hashes=[hash_text("money")])
    assert [each["text"] for each in read(tmp_path / "log", None)] == ["the parcel"] * 2
    server.close()
    content = "".join(path.read_text() for path in (tmp_path / "log").glob("*.jsonl"))
    assert "money" not in content
    assert content.count("the parcel") == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shadow": "intents=challenger:0.2"}, "the answers of a shadow go to the prediction log"),
        ({"shadow": "intents=challenger:0.2", "prediction_log": "log", "prediction_log_models": "other"},
         "the answers of a shadow go to the prediction log"),
        ({"shadow": "intent=challenger:0.2", "prediction_log": "log"}, "a shadow is given for a model that is not"),
        ({"canary": "intent=challenger:0.2"}, "a canary is given for a model that is not served"),
        ({"canary": "vectors=challenger:0.2"}, "a canary is given for a model that returns vectors"),
        ({"canary": "intents=task:0.2"}, "this version cannot be a canary: its task is text-classification, multi"),
        ({"shadow": "intents=task:0.2", "prediction_log": "log"}, "this version cannot be a shadow: its task is"),
        ({"canary": "intents=challenger:0.2 intents=previous:0.1"}, "a model has two canaries"),
        ({"canary": "intents=0123456789:0.2"}, "the model has no such version"),
        ({"canary": "intents=challenger:2"}, "invalid settings"),
        ({"shadow": "intents"}, "invalid settings"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(
    settings: dict[str, str], message: str, registry: Registry, bundles: dict[str, Path], tmp_path: Path
) -> None:
    registry.add(bundles["other task"], alias="task")
    registry.add(bundles["vectors"])
    if "prediction_log" in settings:
        settings = settings | {"prediction_log": str(tmp_path / "log")}
    with pytest.raises(GlossatorError) as caught:
        create_app(RegistryCatalog(registry, load=load_one_thread), Settings(**settings))
    assert message in str(caught.value)
    assert isinstance(caught.value, ConfigError | UnknownModel)


@pytest.mark.parametrize("use", ["shadow", "canary"])
def test_versions_need_a_registry(use: str, bundles: dict[str, Path], tmp_path: Path) -> None:
    settings: Any = {use: "intents=challenger:0.2", "prediction_log": tmp_path / "log"}
    with pytest.raises(ConfigError, match=f"a {use} needs a registry") as caught:
        create_app({"intents": load_one_thread(bundles["first"])}, Settings(**settings))
    assert "--models" in (caught.value.hint or "")


def test_a_task_that_changes_later_is_reported(
    serve: Callable[..., Server], registry: Registry, bundles: dict[str, Path], tmp_path: Path
) -> None:
    server = serve(prediction_log=tmp_path / "log", shadow="intents=challenger:1", canary="intents=challenger:1")
    first, second = registry.record("intents").versions
    wait_until(lambda: server.version() == second)
    registry.add(bundles["other task"], alias="challenger")
    wait_until(lambda: len(server.problems()) == 2)
    assert "its task is text-classification, multi_label_classification" in server.problems()[0]
    assert server.version() == first
    registry.alias("intents", second, "challenger")
    wait_until(lambda: server.version() == second)
    assert server.problems() == []


# -- canaries ----------------------------------------------------------------------------------------------------------


def test_a_canary_gets_its_share_of_texts_and_each_text_keeps_its_version(
    serve: Callable[..., Server], registry: Registry
) -> None:
    server = serve(canary="intents=challenger:0.3")
    first, second = registry.record("intents").versions
    wait_until(lambda: is_loaded(server, second))
    versions = {text: server.version(text) for text in TEXTS}
    assert set(versions.values()) == {first, second}
    assert 0.15 < sum(each == second for each in versions.values()) / len(TEXTS) < 0.45
    for text in TEXTS[:20]:
        assert server.version(text) == versions[text]
    assert server.metric("glossator_version_seconds_count", version=second) > 0
    total = server.metric("glossator_version_seconds_count", model="intents")
    assert total == len(TEXTS) + 20


def test_a_client_keeps_its_version_by_the_header(serve: Callable[..., Server], registry: Registry) -> None:
    server = serve(canary="intents=challenger:0.5")
    second = registry.record("intents").versions[1]
    wait_until(lambda: is_loaded(server, second))
    found = {f"user {n}": {server.version(text, X_Canary_Key=f"user {n}") for text in TEXTS[:4]} for n in range(20)}
    assert all(len(each) == 1 for each in found.values())
    assert len(set.union(*found.values())) == 2


def test_a_key_keeps_its_version_and_the_header_splits_it(serve: Callable[..., Server], registry: Registry) -> None:
    keys = [f"secret-key-of-a-client-{number}" for number in range(12)]
    server = serve(canary="intents=challenger:0.5", api_keys=tuple(keys))
    second = registry.record("intents").versions[1]
    wait_until(lambda: is_loaded(server, second))
    by_key = {key: {server.version(text, Authorization=f"Bearer {key}") for text in TEXTS[:4]} for key in keys}
    assert all(len(each) == 1 for each in by_key.values())
    assert len(set.union(*by_key.values())) == 2
    users = {server.version("money", Authorization=f"Bearer {keys[0]}", X_Canary_Key=str(n)) for n in range(20)}
    assert len(users) == 2


def test_a_version_that_is_asked_for_is_never_replaced(serve: Callable[..., Server], registry: Registry) -> None:
    server = serve(canary="intents=challenger:1")
    first, second = registry.record("intents").versions
    wait_until(lambda: is_loaded(server, second))
    assert server.version() == second
    for version in ("champion", first, first[:12]):
        assert server.version(name=f"intents@{version}") == first
    _, body = ROUTES["open-inference"]("money")
    answer = server.client.post(f"/v2/models/intents/versions/{first}/infer", json=body)
    assert answer.json()["model_version"] == first


def test_every_dialect_and_the_page_answer_with_the_canary(
    serve: Callable[..., Server], registry: Registry, tmp_path: Path
) -> None:
    server = serve(canary="intents=challenger:0.5", prediction_log=tmp_path / "log", prediction_log_texts=True)
    second = registry.record("intents").versions[1]
    wait_until(lambda: is_loaded(server, second))
    versions = {text: server.version(text) for text in TEXTS[:6]}
    assert len(set(versions.values())) == 2
    for dialect, make in ROUTES.items():
        for text in versions:
            path, body = make(text)
            answer = server.client.post(path, json=body)
            assert answer.status_code == 200, (dialect, answer.text)
    for text in versions:
        server.client.post("/ui/answer", data={"model": "intents", "text": text})
    server.close()
    found = read(tmp_path / "log", "served")
    assert len(found) == (len(ROUTES) + 2) * len(versions)
    assert {(each["text"], each["digest"]) for each in found} == set(versions.items())
    assert {each["version"] for each in found} == {None}


def test_no_request_waits_while_the_canary_loads(
    serve: Callable[..., Server], registry: Registry, bundles: dict[str, Path]
) -> None:
    released = threading.Event()
    first, second = registry.record("intents").versions

    def load_slowly(folder: Path) -> Model:
        assert folder.name != second or released.wait(60)
        return load_one_thread(folder)

    server = serve(load_slowly, canary="intents=challenger:1")
    assert {server.version(text) for text in TEXTS[:10]} == {first}
    assert server.problems() == []
    released.set()
    wait_until(lambda: server.version() == second)


def test_the_shadow_leaves_out_what_the_canary_answered(
    serve: Callable[..., Server], registry: Registry, tmp_path: Path
) -> None:
    server = serve(canary="intents=challenger:0.5", shadow="intents=challenger:1", prediction_log=tmp_path / "log")
    first, second = registry.record("intents").versions
    wait_until(lambda: is_loaded(server, second))
    server_versions = [server.version(text) for text in TEXTS]
    wait_until(lambda: len(read(tmp_path / "log")) == server_versions.count(first))
    server.close()
    by_role = {role: read(tmp_path / "log", role) for role in ("served", "shadow")}
    assert len(by_role["served"]) == len(TEXTS)
    shadowed = {each["sha256"] for each in by_role["shadow"]}
    assert shadowed == {each["sha256"] for each in by_role["served"] if each["digest"] == first}


def test_the_shadow_waits_while_a_request_is_being_answered(
    serve: Callable[..., Server], registry: Registry, tmp_path: Path
) -> None:
    server = serve(prediction_log=tmp_path / "log", shadow="intents=challenger:1")
    second = registry.record("intents").aliases["challenger"]
    wait_until(lambda: is_loaded(server, second))
    state = server.app.state.service
    state.in_progress += 1  # one worker, and another request that is not answered yet
    server.version("money")
    wait_until(lambda: state.shadow.waiting == 1)
    for text in TEXTS[:10]:
        server.version(text)
    wait_until(lambda: len(read(tmp_path / "log", "served")) == 11)
    assert read(tmp_path / "log") == []
    state.in_progress -= 1
    wait_until(lambda: len(read(tmp_path / "log")) == 11)
    assert state.in_progress == 0
    refused = server.client.post(
        "/v1/models/intents/predict", json={"text": "money"}, headers={"X-Request-Timeout": "1e-9"}
    )
    assert refused.status_code in (429, 504)
    assert state.in_progress == 0
