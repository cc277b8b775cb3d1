"""Promotion and rollback over HTTP: with the evidence, refused without it, forced, and by whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed_versions import DeployedVersions
from starlette.testclient import TestClient

from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.security.key_changes import add_key
from glossator.service.inference.model import load

MakeClient = Callable[..., TestClient]
PATH = "/v1/promotions/tickets"
REASON = {"reason": "better on refunds"}


class Deployment(DeployedVersions):
    """Two versions, and a server that follows their registry."""

    def __init__(self, root: Path, make_client: MakeClient, **settings: Any) -> None:
        super().__init__(root)
        catalog = RegistryCatalog(self.registry, load=lambda folder: load(folder, threads=1))
        settings |= {"prediction_log": self.log, "prediction_log_texts": True, "free_disk_bytes": 0}
        self.client: TestClient = make_client(catalog, **settings)

    def post(self, what: str, **body: Any) -> Any:
        return self.client.post(f"{PATH}/{what}", json=REASON | body)

    def wait_until_live(self, digest: str) -> None:
        deadline = time.monotonic() + 30.0
        while self.client.get("/v1/models/tickets").json()["version"] != digest:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def deploy(make_client: MakeClient, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    made: list[Deployment] = []

    def make(**settings: Any) -> Deployment:
        made.append(Deployment(tmp_path, make_client, **settings))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def test_a_shown_challenger_is_promoted_with_its_evidence_and_rolled_back(
    deploy: Callable[..., Deployment],
) -> None:
    found = deploy()
    comparison = found.compare(1_500, reviews=10_000)
    promoted = found.post("promote", expected=found.champion)
    assert promoted.status_code == 200, promoted.text
    body = promoted.json()
    assert (body["digest"], body["action"], body["forced"]) == (found.challenger, "alias", False)
    assert body["evidence"]["challenge"] == comparison
    assert set(body["evidence"]["gates"]) == {"golden rows", "latency", "memory", "test file"}
    assert body["why"] == f"shown to be at most 0.5 points worse than {found.champion[:12]}: better on refunds"
    assert found.store.challenge(comparison).state == "done"
    found.wait_until_live(found.challenger)

    again = found.post("promote").json()
    assert (again["code"], again["detail"]) == ("config-error", "this version is the champion already")
    back = found.post("rollback", reason="wrong about invoices").json()
    assert (back["digest"], back["action"], back["why"]) == (found.champion, "rollback", "wrong about invoices")
    assert (back["forced"], back["evidence"]["against"][0][:30]) == (True, "no reviews compare these two v")
    found.wait_until_live(found.champion)
    assert [each.action for each in found.registry.entries()] == ["add", "add", "alias", "rollback"]
    nothing = found.post("rollback")
    assert (nothing.status_code, nothing.json()["detail"]) == (422, "no other version was champion before")


def test_a_champion_that_is_shown_to_be_worse_is_rolled_back_with_the_evidence(
    deploy: Callable[..., Deployment],
) -> None:
    found = deploy()
    assert found.post("promote", force=True).status_code == 200
    comparison = found.compare(1_500, reviews=10_000, watch=True)
    back = found.post("rollback", reason="as the reviews say").json()
    assert (back["digest"], back["action"], back["forced"]) == (found.champion, "rollback", False)
    assert back["evidence"]["challenge"] == comparison
    assert back["why"] == f"{found.challenger[:12]} is shown to be more than 0.5 points worse: as the reviews say"


def test_without_evidence_a_promotion_is_refused_or_forced(deploy: Callable[..., Deployment]) -> None:
    found = deploy()
    refused = found.post("promote")
    assert (refused.status_code, refused.json()["code"]) == (409, "promotion-refused")
    assert "no reviews compare these two versions" in refused.json()["faults"][0]["message"]

    begun = found.compare(300, reviews=0)
    messages = [each["message"] for each in found.post("promote").json()["faults"]]
    assert messages[0].startswith("not shown: the challenger is at most 0.5 points worse (evidence 1, needed")
    assert any("disagreements wait for a review" in each for each in messages)
    assert found.last_line().action == "add"

    forced = found.post("promote", force=True, version=found.challenger[:12]).json()
    assert (forced["digest"], forced["forced"], forced["why"]) == (found.challenger, True, "better on refunds")
    assert forced["evidence"]["against"] == messages
    assert (forced["evidence"]["comparison"], forced["evidence"]["reviewed"]) == (begun, 0)
    assert found.store.challenge(begun).state == "open"
    assert found.last_line().evidence == forced["evidence"]


def test_the_audit_names_the_key_and_only_an_admin_promotes(deploy: Callable[..., Deployment], tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    ann, bob = (
        {"Authorization": f"Bearer {add_key(file, name, [scope], None)}"}
        for name, scope in (("ann", "admin"), ("bob", "label"))
    )
    found = deploy(key_file=file)
    for what in ("promote", "rollback"):
        assert found.client.post(f"{PATH}/{what}", json=REASON, headers=bob).status_code == 403
    answer = found.client.post(f"{PATH}/promote", json=REASON | {"force": True}, headers=ann)
    assert (answer.status_code, answer.json()["by"]) == (200, "ann")
    assert found.last_line().by == "ann"


def test_a_wrong_request_changes_nothing(deploy: Callable[..., Deployment], make_client: MakeClient) -> None:
    found = deploy()
    for body, code in (
        ({"reason": ""}, "invalid-request"),
        ({"reason": "  "}, "invalid-request"),
        ({"reason": "x", "version": "nobody"}, "unknown-model"),
        ({"reason": "x", "expected": "0" * 64, "force": True}, "config-error"),
        ({"reason": "x", "expected": "abc"}, "invalid-request"),
        ({}, "invalid-request"),
    ):
        assert found.client.post(f"{PATH}/promote", json=body).json()["code"] == code, body
    assert found.client.post("/v1/promotions/nobody/promote", json=REASON).json()["code"] == "unknown-model"
    stale = found.post("rollback", expected="0" * 64).json()
    assert stale["detail"] == "another version has become the champion in the meantime"
    assert found.last_line().action == "add"
    off = make_client()
    for what in ("promote", "rollback"):
        answer = off.post(f"/v1/promotions/intents/{what}", json=REASON)
        assert (answer.status_code, answer.json()["code"]) == (404, "registry-off")


def test_a_registry_that_cannot_be_written_is_reported_without_its_path(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    found = deploy()
    lock = found.registry.root / ".lock"
    lock.unlink()
    lock.mkdir()  # also for root, nobody can open it as a file
    answer = found.post("promote", force=True)
    assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
    assert "the registry cannot be changed" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
