"""The monitor in a real browser: charts over one time axis, alarms, events, and what happens if something fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from monitored_model import HOSTILE, NAME, registry_with_past, write_past
from sampled_bundle import other_texts, usual_texts
from servers import Server, server
from visits import Visit
from vote_bundle import LABELS, vote_bundle

from glossator.service.registry import Registry

pytestmark = pytest.mark.slow
LONG = 30_000
"""Milliseconds: the machine of a test may be busy."""
PAGE = f"/ui/monitor/{NAME}"


class Monitored(NamedTuple):
    """A server, and the digests of the old and the new version."""

    server: Server
    old: str
    new: str


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """A server with six days of answers, reviews of two periods, and texts that have just drifted."""
    root = tmp_path_factory.mktemp("monitored")
    registry, old, new = registry_with_past(root, days=6)
    hostile = Registry(registry).add(vote_bundle(root / "other", "single_label_classification"), name="hostile").digest
    write_past(root / "log", [(old, 6, 2), (new, 2, 0.005)], labels=LABELS)
    labels = [*HOSTILE, *(f"label_{number}" for number in range(496))]
    write_past(root / "log", [(hostile, 0.9, 0.005)], labels=labels, model="hostile")
    with server(models=registry, prediction_log=root / "log", prediction_log_texts=True, free_disk_bytes=0) as running:
        with httpx.Client(base_url=running.url, timeout=60.0) as client:
            for texts in (usual_texts(200, seed=5), other_texts(400, seed=6)):
                for start in range(0, len(texts), 20):
                    client.post(f"/v1/models/{NAME}/predict", json={"texts": texts[start : start + 20]})
            for begin, end in ((6.0, 3.0), (3.0, 0.05)):
                review(client, begin, end)
            deadline = time.monotonic() + 30.0
            while len(client.get(f"/v1/models/{NAME}/timeline").json()["events"]) < 4:
                assert time.monotonic() < deadline, "no alarm was raised"
                time.sleep(0.2)
        yield Monitored(running, old, new)


def review(client: httpx.Client, begin: float, end: float) -> None:
    """Review 60 answers of some days, of which most are right."""
    times = {
        name: (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")
        for name, days in (("since", begin), ("until", end))
    }
    period = client.post(f"/v1/reviews/{NAME}/periods", json={**times, "labels": 60}).json()["period"]
    items = client.get(f"/v1/reviews/{NAME}/next", params={"count": 100}).json()["items"]
    reviews = [{"item": each["item"], "correct": place % 9 != 0} for place, each in enumerate(items)]
    client.post(f"/v1/reviews/{NAME}", json={"period": period, "reviews": reviews}).raise_for_status()


def show(opened: Visit, path: str) -> Any:
    """Open a page and wait for its charts."""
    page = opened.open(path)
    page.wait_for_selector(".chart canvas", timeout=LONG)
    wait_for(page, "#freshness:has-text('Updated')")
    return page


def wait_for(page: Any, selector: str) -> None:
    page.wait_for_selector(selector, timeout=LONG, state="attached")


def mark(page: Any) -> str:
    """Mark the view that is shown. Return the selector of the next one."""
    page.evaluate("document.getElementById('timeline').dataset.old = ''")
    return "#timeline:not([data-old])"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("light", 390)])
def test_a_model_is_shown_over_time(visit: Callable[..., Visit], monitored: Monitored, scheme: str, width: int) -> None:
    opened = visit(monitored.server.url, scheme=scheme, width=width)
    page = show(opened, f"{PAGE}?range=week")
    panels = page.locator(".panel h2, .panel h3").all_inner_texts()
    assert panels[:6] == [
        "Live accuracy", "Volume", "Time on the server", "Label mix", "Mean confidence", "Cut-off texts"
    ]  # fmt: skip
    assert "Length of the texts" in panels
    assert "confidence, however often you look" in page.locator("#text-accuracy").inner_text()
    for panel in ("accuracy", "volume", "latency", "labels", "confidence", "truncated", "drift-tokens"):
        assert page.locator(f"[data-panel={panel}] canvas").count() == 1, panel
    events = page.locator(".event").all_inner_texts()
    assert any("promoted" in each and "better on 120 reviewed disagreements" in each for each in events)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.screenshot(f"monitor-{scheme}-{width}")
    assert opened.violations() == []


def test_an_alarm_opens_its_explanation_and_stays_open(visit: Callable[..., Visit], monitored: Monitored) -> None:
    opened = visit(monitored.server.url, width=1400)
    page = show(opened, PAGE)
    page.click(".event-alarm a >> nth=0")
    alarm = page.locator(".alarm[open]")
    text = alarm.inner_text()
    for part in ("What changed", "Since when", "What to do next", "of the reference texts", f"monitor {NAME} --log"):
        assert part in text
    name = alarm.get_attribute("id")
    assert page.evaluate("document.activeElement.parentElement.id") == name
    opened.screenshot("monitor-alarm")
    following = mark(page)
    page.evaluate("htmx.trigger('#wanted', 'refresh')")
    wait_for(page, following)
    assert page.locator(".alarm[open]").get_attribute("id") == name
    assert page.evaluate("document.activeElement.parentElement.id") == name
    page.click("#summary-volume")
    assert page.locator("#figures-volume tbody tr").count() > 10
    assert opened.violations() == []


def test_time_and_version_are_chosen_by_keyboard_and_by_marking(
    visit: Callable[..., Visit], monitored: Monitored
) -> None:
    opened = visit(monitored.server.url, width=1400)
    page = show(opened, PAGE)
    page.focus("#range-day")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url.endswith("?range=week"), timeout=LONG)
    page.focus("#version")
    page.keyboard.type(monitored.old[:4])
    page.wait_for_url(lambda url: url.endswith(f"version={monitored.old}"), timeout=LONG)
    wait_for(page, "#alarms + p")  # only the new one has drifted
    box = page.locator("[data-panel=volume] .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20, steps=4)
    page.mouse.up()
    page.wait_for_url(lambda url: "since=" in url, timeout=LONG)
    assert page.input_value("#since") < page.input_value("#until")
    assert page.locator("[name=range]:checked").count() == 0
    assert page.locator("[data-panel=latency] canvas").count() == 1
    page.reload()
    page.wait_for_selector(".chart canvas", timeout=LONG)
    assert page.input_value("#version") == monitored.old


def test_five_hundred_and_hostile_labels_are_texts(visit: Callable[..., Visit], monitored: Monitored) -> None:
    opened = visit(monitored.server.url, width=390, scheme="dark")
    page = show(opened, "/ui/monitor/hostile")
    assert page.locator("main img").count() == 0
    page.click("#summary-labels")
    heads = page.locator("#figures-labels th").all_inner_texts()
    assert len(heads) == 9
    assert {HOSTILE[0], HOSTILE[1], HOSTILE[2]} <= set(heads)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.screenshot("monitor-hostile")
    assert opened.violations() == []


def test_a_dead_and_a_slow_server_leave_the_charts(visit: Callable[..., Visit], monitored: Monitored) -> None:
    opened = visit(monitored.server.url)
    page = show(opened, PAGE)
    held: list[Any] = []
    page.route("**/view?*", lambda route: held.append(route))
    page.click("label[for=range-hour]")
    wait_for(page, "#freshness:has-text('Updating')")
    assert page.locator(".chart canvas").count() > 5
    held[0].abort("connectionrefused")
    wait_for(page, "#freshness:has-text('last refresh failed')")
    assert page.locator(".chart canvas").count() > 5
    page.unroute("**/view?*")
    page.click("label[for=range-week]")
    wait_for(page, "#freshness:has-text('Updated')")
    assert all("ERR_CONNECTION_REFUSED" in each or each.startswith("htmx:") for each in opened.errors)
    opened.errors.clear()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 390)])
def test_all_models_are_listed_with_their_state(
    visit: Callable[..., Visit], monitored: Monitored, scheme: str, width: int
) -> None:
    opened = visit(monitored.server.url, scheme=scheme, width=width)
    page = opened.open("/ui/monitor")
    page.wait_for_selector(".overview tbody tr", timeout=LONG)
    first, second = page.locator(".overview tbody tr").all_inner_texts()
    assert first.startswith(NAME)
    assert "alarm" in first
    assert "drift not watched" in second
    opened.screenshot(f"monitor-overview-{scheme}-{width}")
    assert opened.violations() == []
    page.click(f"text={NAME}")
    page.wait_for_selector(".chart canvas", timeout=LONG)


def test_a_server_without_a_log_says_how_to_log(visit: Callable[..., Visit], running: Server) -> None:
    opened = visit()
    page = opened.open("/ui/monitor")
    assert "glossator serve MODEL --log predictions" in page.locator("main").inner_text()
    opened.screenshot("monitor-off")
    assert opened.violations() == []
