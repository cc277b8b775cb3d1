"""The pages of models: facts, versions, evidence, history, changes, and who may see what."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed_versions import DeployedVersions
from starlette.testclient import TestClient
from vote_bundle import vote_bundle

from glossator.service.api.models.registry_catalog import RegistryCatalog
from glossator.service.api.security.key_changes import add_key
from glossator.service.inference.model import load

MakeClient = Callable[..., TestClient]
PART = {"HX-Request": "true"}
HERE = "/ui/models/tickets"


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[DeployedVersions]:
    made = DeployedVersions(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def serve(make_client: MakeClient, deployed: DeployedVersions) -> Callable[..., TestClient]:
    def make(**settings: Any) -> TestClient:
        catalog = RegistryCatalog(deployed.registry, load=lambda folder: load(folder, threads=1))
        log = {"prediction_log": deployed.log, "prediction_log_texts": True, "free_disk_bytes": 0}
        return make_client(catalog, **log, **settings)

    return make


def show(client: TestClient, path: str, **options: Any) -> str:
    """The text of a page, with single spaces."""
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return re.sub(r"[ \n]+", " ", answer.text)


def test_cards_show_quality_size_and_challengers(serve: Callable[..., TestClient], deployed: DeployedVersions) -> None:
    page = show(serve(shadow=["tickets=challenger:0.2"]), "/ui/models")
    for part in ("90.0\u00a0%", "80.0 to 100.0\u00a0%, 10 test rows", "Live", f"challenger {deployed.challenger[:12]}"):
        assert part in page
    assert "Shadow: challenger, 20 % of the texts" in page
    assert 'hx-get="/ui/models/tickets/deployed"' in page


def test_a_model_in_use_says_how_good_it_is(serve: Callable[..., TestClient], deployed: DeployedVersions) -> None:
    deployed.compare(300, reviews=0)
    part = show(serve(), f"{HERE}/deployed", headers=PART)
    assert "<dt>Answers logged</dt><dd>300" in part
    assert "no reviews yet" in part


def test_the_page_of_a_model_has_versions_evidence_and_history(
    serve: Callable[..., TestClient], deployed: DeployedVersions
) -> None:
    client = serve()
    assert "No comparison is open" in show(client, f"{HERE}/evidence")
    deployed.compare(600, reviews=5)
    page, evidence = show(client, HERE), show(client, f"{HERE}/evidence")
    assert f'href="{HERE}/promote?version={deployed.challenger}"' in page
    assert "Roll back…" not in page  # nothing was champion before
    assert "first model" in page
    assert "Not shown yet" in evidence
    assert "5 of them reviewed" in evidence
    assert "disagreements wait for a review" in evidence
    assert '<rect class="band"' in evidence
    assert show(client, f"{HERE}@{deployed.challenger[:12]}") == page

    compared = show(client, f"{HERE}/compare")
    assert f"<code>{deployed.champion[:12]}</code> champion" in compared
    assert 'class=differs><th scope="row">Size on disk' in compared
    assert client.get(f"{HERE}/compare?right=nobody").status_code == 404
    assert client.get("/ui/models/nobody").status_code == 404


def test_a_promotion_is_asked_refused_forced_and_rolled_back(
    serve: Callable[..., TestClient], deployed: DeployedVersions
) -> None:
    client = serve()
    asked = show(client, f"{HERE}/promote?version={deployed.challenger}", headers=PART)
    assert "<dialog" in asked
    assert "No reviews compare these two versions." in asked
    assert "Promote anyway" in asked
    form = {"version": deployed.challenger, "expected": deployed.champion, "reason": "they <b>ask</b> for it"}
    refused = client.post(f"{HERE}/promote", data=form, headers=PART)
    assert (refused.status_code, "no reviews compare these two versions" in refused.text) == (200, True)
    assert "they &lt;b&gt;ask&lt;/b&gt; for it</textarea>" in refused.text
    nothing = client.post(f"{HERE}/promote", data=form | {"reason": " "}, headers=PART).text
    assert "The reason is missing" in nothing
    assert client.post(f"{HERE}/promote", data=form | {"reason": ""}).status_code == 422
    assert deployed.last_line().action == "add"

    done = client.post(f"{HERE}/promote", data=form | {"force": "yes"}, headers=PART).text
    assert "without enough evidence" in done
    wait_until_live(client, deployed.challenger)
    page = show(client, HERE)
    assert "Promoted without enough evidence" in page
    assert "they &lt;b&gt;ask&lt;/b&gt; for it" in page
    stale = client.post(f"{HERE}/rollback", data=form, headers=PART).text
    assert "Another version has become the champion in the meantime" in stale

    asked = show(client, f"{HERE}/rollback", headers=PART)
    assert "No evidence is required" in asked
    expected = re.search('name="expected" value="([0-9a-f]{64})"', asked)
    assert expected is not None
    assert expected[1] == deployed.challenger
    done = client.post(f"{HERE}/rollback", data={"expected": expected[1], "reason": "worse"}).text
    assert "<h1" in done
    assert "Rolled back" in done
    wait_until_live(client, deployed.champion)
    assert [each.action for each in deployed.registry.entries()] == ["add", "add", "alias", "rollback"]


def test_a_shown_challenger_is_promoted_after_its_gates(
    serve: Callable[..., TestClient], deployed: DeployedVersions
) -> None:
    deployed.compare(1_500, reviews=10_000)
    client = serve()
    asked = show(client, f"{HERE}/promote?version={deployed.challenger}", headers=PART)
    assert "The reviews allow it" in asked
    assert "Promote anyway" not in asked
    form = {"version": deployed.challenger, "expected": deployed.champion, "reason": "better"}
    assert "Promoted" in client.post(f"{HERE}/promote", data=form, headers=PART).text
    wait_until_live(client, deployed.challenger)
    page = show(client, HERE)
    assert "golden rows: 5 golden rows are as at export" in page
    assert "Difference of the accuracies: +" in page


def wait_until_live(client: TestClient, digest: str) -> None:
    deadline = time.monotonic() + 30.0
    while "answers all new requests" not in client.get(f"{HERE}/switch?digest={digest}").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_version_that_cannot_be_loaded_is_reported(
    serve: Callable[..., TestClient], deployed: DeployedVersions
) -> None:
    client = serve()
    (deployed.registry.folder("tickets", deployed.challenger) / "golden.jsonl").write_bytes(b"damaged")
    deployed.registry.alias("tickets", deployed.challenger)
    deadline = time.monotonic() + 30.0
    while "Cannot be loaded" not in (part := client.get(f"{HERE}/switch?digest={deployed.challenger}").text):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "The version before it still answers." in part
    assert "The champion cannot be loaded" in show(client, HERE)
    assert "Cannot be loaded" in show(client, "/ui/models")


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("not UTF-8: \udcff", "not UTF-8: \\udcff"),
        ("red \x1b[31m", "red [31m"),
        ("x" * 50_000, "x" * 999 + "…"),
        ("<script>", "&lt;script&gt;"),
    ],
)
def test_any_reason_in_the_audit_is_shown(
    serve: Callable[..., TestClient], deployed: DeployedVersions, why: str, shown: str
) -> None:
    evidence = {"against": [why, 7], "gates": {"memory": "?"}, "reviewed": "many"}
    deployed.registry.note("tickets", deployed.champion, why=why, evidence=evidence)
    page = show(serve(), HERE)
    assert f">{shown}<" in page
    assert len(page) < 50_000
    assert "<script>" not in page


def test_only_an_admin_sees_the_history_and_changes_it(
    serve: Callable[..., TestClient], deployed: DeployedVersions, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    ann, bob = (
        {"Authorization": f"Bearer {add_key(file, name, [scope], None)}"}
        for name, scope in (("ann", "admin"), ("bob", "infer"))
    )
    client = serve(key_file=file)
    seen = show(client, HERE, headers=bob)
    assert "need a key with the scope" in seen
    for secret in ("first model", "/promote", "/bundle", "/deployed"):
        assert secret not in seen
    for path in ("promote?version=challenger", "rollback", "evidence", "deployed", "switch?digest=0"):
        assert client.get(f"{HERE}/{path}", headers=bob).status_code == 403
    form = {"version": "challenger", "reason": "x", "force": "yes"}
    assert client.post(f"{HERE}/promote", data=form, headers=bob).status_code == 403
    other_site = ann | {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{HERE}/promote", data=form, headers=other_site).status_code == 403
    assert deployed.last_line().action == "add"
    assert "by ann" in client.post(f"{HERE}/promote", data=form, headers=ann).text


def test_hostile_labels_are_escaped_and_many_fit(make_client: MakeClient, tmp_path: Path) -> None:
    labels = ['<img src=x onerror="alert(1)">', "a" * 500, "‮rtl", *(f"label {number}" for number in range(497))]
    bundle = vote_bundle(tmp_path / "many", "single_label_classification", labels=labels)
    client = make_client({"many": load(bundle, threads=1)})
    page = show(client, "/ui/models/many")
    assert "<img src=x" not in page
    assert "All facts, and 500 labels" in page
    assert "This server has no registry" in page
    answer = client.post("/ui/models/many/promote", data={"version": "x", "reason": "x"})
    assert answer.status_code == 404
    assert "no registry" in answer.text
