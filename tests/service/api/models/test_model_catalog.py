"""Catalogs of registries: swapping, loading and evicting models while requests are answered."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from vote_bundle import vote_bundle

from glossator.service.api.app import create_app
from glossator.service.api.models import registry_catalog
from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.settings import Settings
from glossator.service.errors import BundleError, ModelLoading, UnknownModel
from glossator.service.inference.model import Model, load
from glossator.service.registry import Registry


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("versions")
    kinds: Any = ("single_label_classification", "multi_label_classification")
    return [vote_bundle(root / str(number) / "intents", kind) for number, kind in enumerate(kinds)]


@pytest.fixture
def registry(tmp_path: Path, versions: list[Path]) -> Registry:
    registry = Registry(tmp_path / "registry")
    registry.add(versions[0])
    return registry


def load_one_thread(folder: Path) -> Model:
    return load(folder, threads=1)


@pytest.fixture
def follow(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RegistryCatalog]]:
    monkeypatch.setattr(registry_catalog, "POLL_SECONDS", 0.02)
    catalogs: list[RegistryCatalog] = []

    def start(**options: Any) -> RegistryCatalog:
        catalogs.append(RegistryCatalog(registry, load=load_one_thread, **options))
        catalogs[-1].start()
        return catalogs[-1]

    yield start
    for each in catalogs:
        each.close()


def wait_until(check: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.01)


def find_loaded(catalog: RegistryCatalog, requested: str) -> Model:
    """Request a version until it is loaded."""
    found: list[Model] = []

    def is_found() -> bool:
        try:
            found.append(catalog.find(requested))
        except (ModelLoading, UnknownModel):  # not loaded yet, or not in the catalog yet
            return False
        return True

    wait_until(is_found)
    return found[0]


def test_promotion_and_rollback_are_followed(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    catalog = follow()
    first = catalog.find("intents").digest
    second = registry.add(versions[1], alias="challenger").digest
    assert find_loaded(catalog, "intents@challenger").digest == second
    assert catalog.find("intents").digest == first
    registry.alias("intents", "challenger")
    wait_until(lambda: catalog.find("intents").digest == second)
    assert find_loaded(catalog, f"intents@{first[:7]}").digest == first
    registry.rollback("intents")
    wait_until(lambda: catalog.find("intents").digest == first)
    for requested in ("intents@nothing", "nothing", "nothing@champion"):
        with pytest.raises(UnknownModel):
            catalog.find(requested)


def test_damaged_version_is_refused_while_the_old_one_serves(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    catalog = follow()
    first = catalog.find("intents").digest
    second = registry.add(versions[1]).digest
    graph = registry.folder("intents", second) / "onnx" / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    registry.alias("intents", second)
    wait_until(lambda: "intents" in catalog.failures)
    assert isinstance(catalog.failures["intents"], BundleError)
    assert catalog.find("intents").digest == first
    registry.rollback("intents")
    wait_until(lambda: "intents" not in catalog.failures)


def test_memory_budget_is_not_exceeded(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    size = load_one_thread(versions[0]).bytes
    registry.add(versions[0], name="other")
    registry.add(versions[1])
    catalog = follow(budget_bytes=int(1.5 * size))
    assert catalog.names == ["intents", "other"]
    assert [name for name, _ in catalog.loaded()] == ["intents"]
    listed = [(each.name, each.digest, each.is_loaded) for each in catalog.listed()]
    assert listed == [
        ("intents", catalog.find("intents").digest, True), ("other", load_one_thread(versions[0]).digest, False),
    ]  # fmt: skip
    assert find_loaded(catalog, "other").digest == load_one_thread(versions[0]).digest
    wait_until(lambda: len(catalog.loaded()) == 1)
    assert find_loaded(catalog, "intents")
    wait_until(lambda: len(catalog.loaded()) == 1)
    assert [name for name, _ in catalog.loaded()] == ["intents"]


def test_models_that_are_not_loaded_are_listed_too(registry: Registry, versions: list[Path]) -> None:
    registry.add(versions[0], name="other")
    catalog = RegistryCatalog(registry, load=load_one_thread, budget_bytes=1)
    with TestClient(create_app(catalog, Settings()), base_url="http://127.0.0.1:8000") as client:
        listing = client.get("/v1/models").json()
        assert [(each["name"], each["loaded"]) for each in listing["models"]] == [("intents", True), ("other", False)]
        assert [each["id"] for each in listing["data"]] == ["intents", "other"]
        index = client.post("/v2/repository/index").json()
        assert [(each["name"], each["state"]) for each in index] == [("intents", "READY"), ("other", "UNAVAILABLE")]
        assert "Live, loads on request" in client.get("/ui/models").text


def test_damaged_manifest_does_not_hide_the_other_models(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    digest = registry.add(versions[0], name="other").digest
    (registry.folder("other", digest) / "bundle.json").write_text("{")
    assert [each.name for each in follow(budget_bytes=1).listed()] == ["intents"]


def test_version_of_an_evicted_model_is_loaded_alone(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    second = registry.add(versions[1]).digest
    registry.add(versions[0], name="other")
    catalog = follow(budget_bytes=1)
    assert [name for name, _ in catalog.loaded()] == ["intents"]
    assert find_loaded(catalog, "other").digest == catalog.registry.resolve_version("other", "champion")
    wait_until(lambda: [name for name, _ in catalog.loaded()] == ["other"])
    assert find_loaded(catalog, f"intents@{second[:12]}").digest == second
    wait_until(lambda: len(catalog.loaded()) == 1)


def test_requests_for_a_model_that_cannot_be_loaded_get_its_error(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    digest = registry.add(versions[0], name="other").digest
    (registry.folder("other", digest) / "tokenizer.json").write_text("{}")
    catalog = follow()
    assert [each.name for each in catalog.listed()] == ["intents"]

    def is_reported() -> bool:
        try:
            catalog.find("other")
        except ModelLoading:
            return False
        except BundleError:
            return True
        raise AssertionError

    wait_until(is_reported)
    assert catalog.find("intents")


def test_removed_versions_are_unknown(
    registry: Registry, versions: list[Path], follow: Callable[..., RegistryCatalog]
) -> None:
    catalog = follow()
    second = registry.add(versions[1]).digest
    assert find_loaded(catalog, f"intents@{second}")
    registry.remove("intents", second)

    def is_gone() -> bool:
        try:
            catalog.find(f"intents@{second}")
        except UnknownModel:
            return True
        return False

    wait_until(is_gone)
    shutil.rmtree(registry.root / "intents")
    assert catalog.find("intents").predict(["money"])


def test_swaps_under_load_fail_no_request_and_answers_name_their_version(
    registry: Registry, versions: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10: promotions, rollbacks and damaged versions in turns while requests are answered."""
    monkeypatch.setattr(registry_catalog, "POLL_SECONDS", 0.01)
    catalog = RegistryCatalog(registry, load=load_one_thread)
    digests = [catalog.find("intents").digest, registry.add(versions[1]).digest]
    expected = {
        digest: load_one_thread(folder).predict(["money parcel"])[0]
        for digest, folder in zip(digests, versions, strict=True)
    }
    damaged = registry.folder("intents", "f" * 64)
    with TestClient(create_app(catalog, Settings(queue_seconds=30)), base_url="http://127.0.0.1:8000") as client:
        stop = threading.Event()
        answers: list[tuple[int, Any]] = []

        def send_requests() -> None:
            while not stop.is_set():
                answer = client.post("/v1/models/intents/predict", json={"texts": ["money parcel"] * 3})
                answers.append((answer.status_code, answer.json()))

        def answered_by(digest: str, start: int) -> bool:
            return digest in {body["version"] for _, body in answers[start:]}

        threads = [threading.Thread(target=send_requests) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(20):
            if number % 2:
                registry.alias("intents", digests[number // 2 % 2])
            else:  # half of the swaps are to a damaged version
                shutil.copytree(versions[number // 2 % 2], damaged, dirs_exist_ok=True)
                (damaged / "bundle.json").write_text("{}")
                with registry._locked():
                    registry._append("add", "intents", "f" * 64, "champion", "damaged")
            time.sleep(0.05)
        for digest in digests:
            registry.alias("intents", digest)
            before = len(answers)
            wait_until(partial(answered_by, digest, before))
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in answers} == {200}
    seen = {body["version"] for _, body in answers}
    assert seen == set(digests)
    for _, body in answers:
        for result in body["results"]:
            assert result["labels"] == list(expected[body["version"]].labels)


def test_a_challenger_that_is_released_while_it_loads_does_not_stay(registry: Registry, versions: list[Path]) -> None:
    digest = registry.add(versions[1], alias="challenger").digest
    loading, go_on = threading.Event(), threading.Event()

    def load_slowly(folder: Path) -> Model:
        if folder.name == digest:
            loading.set()
            assert go_on.wait(30.0)
        return load_one_thread(folder)

    catalog = RegistryCatalog(registry, load=load_slowly)
    catalog.start()
    try:
        with pytest.raises(ModelLoading):
            catalog.find_challenger("intents", digest)
        assert loading.wait(30.0)
        catalog.release_challenger("intents", digest)
        go_on.set()
    finally:
        go_on.set()
        catalog.close()  # after the version that it is loading
    assert [name for name, _ in catalog.loaded()] == ["intents"]
