"""The pages of models in a real browser: cards, details, promotion with the keyboard, and states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed_versions import DeployedVersions
from servers import Server, server
from visits import Visit
from vote_bundle import vote_bundle

from glossator.service.api.security.key_changes import add_key

pytestmark = pytest.mark.slow
PATIENCE = 30_000
HERE = "/ui/models/tickets"
LABELS = ['<img src=x onerror="alert(1)">', "a" * 300, "‮שלום 🙂", *(f"label {number}" for number in range(497))]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedVersions]:
    made = DeployedVersions(tmp_path_factory.mktemp("models"))
    many = vote_bundle(made.log.parent / "many" / "many", "multi_label_classification", labels=LABELS)
    made.registry.add(many, why="500 labels")
    made.compare(1_500, reviews=12)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def models(deployed: DeployedVersions) -> Iterator[Server]:
    settings = {"prediction_log": deployed.log, "prediction_log_texts": True, "free_disk_bytes": 0}
    with server(models=deployed.registry.root, shadow="tickets=challenger:0.2", **settings) as running:
        yield running


@pytest.mark.parametrize(("scheme", "width"), [("light", 1600), ("dark", 390)])
def test_cards_and_details_are_readable(visit: Callable[..., Visit], models: Server, scheme: str, width: int) -> None:
    opened = visit(models.url, scheme=scheme, width=width)
    held: list[Any] = []
    opened.page.route("**/deployed", lambda route: held.append(route))  # a slow server
    page = opened.open("/ui/models")
    page.get_by_text("Reading the log").first.wait_for(timeout=PATIENCE)
    for route in held:
        route.continue_()
    opened.page.unroute("**/deployed")
    page.get_by_text("Not watched yet").or_(page.get_by_text("summaries")).first.wait_for(timeout=PATIENCE)
    assert page.locator("article").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    opened.screenshot(f"cards-{scheme}-{width}")
    assert opened.violations() == []

    page.get_by_role("link", name="tickets", exact=True).click()
    page.get_by_text("disagreements wait for a review").wait_for(timeout=PATIENCE)
    page.get_by_role("heading", name="A table of votes").wait_for(timeout=PATIENCE)
    page.get_by_text("Answers logged").wait_for(timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    opened.screenshot(f"detail-{scheme}-{width}")
    assert opened.violations() == []
    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("rowheader", name="Size on disk").wait_for(timeout=PATIENCE)
    opened.screenshot(f"compare-{scheme}-{width}")
    assert opened.violations() == []


def test_hostile_labels_are_texts(visit: Callable[..., Visit], models: Server) -> None:
    opened = visit(models.url, width=390)
    page = opened.open("/ui/models/many")
    page.get_by_text("All facts, and 500 labels").click()
    assert page.locator(".label-list li").first.inner_text() == LABELS[0]
    assert page.locator("main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    opened.screenshot("labels-500")
    assert opened.violations() == []


def test_a_version_is_promoted_and_rolled_back_by_keyboard(
    visit: Callable[..., Visit], models: Server, deployed: DeployedVersions
) -> None:
    opened = visit(models.url, scheme="dark")
    page = opened.open(HERE)
    page.get_by_text("disagreements wait for a review").wait_for(timeout=PATIENCE)
    link = page.get_by_role("link", name=f"Promote {deployed.challenger[:12]}")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("The evidence does not allow this promotion").wait_for(timeout=PATIENCE)
    assert page.evaluate("document.activeElement.id") == "reason"
    opened.screenshot("promote-dialog")
    assert opened.violations() == []
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached", timeout=PATIENCE)
    assert link.evaluate("link => link === document.activeElement")

    page.keyboard.press("Enter")
    dialog.wait_for(timeout=PATIENCE)
    page.keyboard.type("the new labels are needed today")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Promote anyway"
    page.keyboard.press("Enter")
    dialog.get_by_text("answers all new requests").wait_for(timeout=PATIENCE)
    opened.screenshot("promoted")
    assert opened.violations() == []
    assert deployed.last_line().evidence is not None
    assert deployed.last_line().why == "the new labels are needed today"
    dialog.get_by_role("link", name="Done").click()

    page.get_by_text("Promoted without enough evidence").wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="Roll back…").click()
    dialog.get_by_label("Reason, for the audit").fill("worse on invoices")
    dialog.get_by_role("button", name="Roll back").click()
    dialog.get_by_text("answers all new requests").wait_for(timeout=PATIENCE)
    assert deployed.last_line().digest == deployed.champion


def test_without_the_scope_nothing_can_be_changed_and_a_dead_server_is_reported(
    visit: Callable[..., Visit], deployed: DeployedVersions, tmp_path: Path
) -> None:
    reader = add_key(tmp_path / "keys.json", "reader", ["infer"], None)
    admin = add_key(tmp_path / "keys.json", "admin", ["infer", "admin"], None)
    with server(models=deployed.registry.root, key_file=tmp_path / "keys.json") as running:
        opened = visit(running.url)
        page = opened.open(HERE)
        page.fill("#key", reader)
        page.keyboard.press("Enter")
        page.get_by_text("need a key with the scope").wait_for(timeout=PATIENCE)
        assert page.get_by_role("link", name="Promote").count() == 0
        assert opened.violations() == []
        page.context.clear_cookies()
        page = opened.open(HERE)
        page.fill("#key", admin)
        page.keyboard.press("Enter")
        page.get_by_text("Versions are not compared").wait_for(timeout=PATIENCE)
        opened.screenshot("no-log")
        page.get_by_role("link", name="Promote").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Reason, for the audit").fill("a reason")
    dialog.get_by_role("button", name="Promote anyway").click()
    dialog.get_by_text("The server does not answer").wait_for(timeout=PATIENCE)
    assert dialog.get_by_label("Reason, for the audit").input_value() == "a reason"
    opened.errors.clear()  # the browser logs the refused connection
