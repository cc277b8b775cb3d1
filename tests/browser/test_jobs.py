"""The pages of jobs in a real browser: new files, the list, one job, and what can go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import Server, server
from visits import Visit
from vote_bundle import vote_bundle

from glossator.service.api.security.key_changes import add_key

pytestmark = pytest.mark.slow
SECONDS = 120_000
REFUSED = "Failed to load resource"
"""What the browser itself logs about a refused request."""


def tickets(count: int) -> bytes:
    texts = ("money for me", "the parcel came", "thanks", "", "hello")
    rows = "".join(f"{number},{texts[number % 5]},{number}@a.test\n" for number in range(count))
    return f"id,message,sender\n{rows}".encode()


def upload(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def choose(opened: Visit, *files: dict[str, Any]) -> Any:
    """Open the page and choose files; wait for their previews."""
    page = opened.open("/ui/jobs")
    page.set_default_timeout(SECONDS)
    page.set_input_files("#files", list(files))
    for name in (file["name"] for file in files):
        card(page, name).locator(".loading").wait_for(state="detached")
    return page


def card(page: Any, name: str) -> Any:
    return page.locator(".file").filter(has=page.get_by_role("heading", name=name, exact=True))


def row(page: Any, name: str) -> Any:
    return page.locator(".job").filter(has=page.get_by_role("link", name=name, exact=True)).first


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_files_are_previewed_labelled_and_downloaded(visit: Callable[..., Visit], scheme: str, width: int) -> None:
    opened = visit(scheme=scheme, width=width)
    first, second = f"tickets-{scheme}.csv", f"unclear-{scheme}.csv"
    page = choose(opened, upload(first, tickets(1_200)), upload(second, b"a,b\nmoney,x\nparcel,y\nthe,z\n"))
    assert "csv · utf-8 · 1,200 rows" in card(page, first).inner_text().replace("about ", "")
    assert card(page, first).get_by_label("Text column").input_value() == "message"
    assert card(page, first).locator("td.is-text").first.inner_text() == "money for me"
    assert "The text column is not clear" in card(page, second).inner_text()
    assert page.locator("#start").inner_text().split("\n") == ["Label 1 file", "1 file is not ready."]
    opened.screenshot(f"chosen-{scheme}-{width}")
    assert opened.violations() == []
    assert fits(page)
    card(page, second).get_by_label("Text column").select_option("a")
    page.get_by_role("button", name="Label 2 files").wait_for()
    page.get_by_text("More options").click()
    page.get_by_label("Prefix of new columns").fill("p_")
    page.get_by_role("button", name="Label 2 files").click()  # also ends the field, which previews the files again
    row(page, second).get_by_text("Finished").wait_for()
    row(page, first).get_by_text("Finished with errors").wait_for()
    assert "1,200 rows, 240 with errors" in row(page, first).inner_text()
    assert page.locator(".file").count() == 0
    opened.screenshot(f"list-{scheme}-{width}")
    assert opened.violations() == []
    with page.expect_download() as download:
        row(page, first).get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"tickets-{scheme}-labelled.csv"
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 1_201
    assert lines[0].startswith("id,message,sender,p_label,")
    assert lines[1].startswith("0,money for me,0@a.test,refund,")

    row(page, first).get_by_role("link", name=first, exact=True).click()
    page.get_by_role("heading", name="Errors by kind").wait_for()
    assert "The text is empty" in page.locator(".error-kind").inner_text()
    assert page.locator(".error-kind tbody tr").first.locator("td").first.inner_text() == "4"
    assert page.locator(".bars").first.locator("tbody th").first.inner_text() == "refund"
    opened.screenshot(f"job-{scheme}-{width}")
    assert opened.violations() == []
    assert fits(page)
    page.locator("#job").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    page.locator("#job").get_by_role("button", name="Delete").click()
    assert opened.violations() == []
    page.locator("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("heading", name="Your jobs").wait_for()
    assert page.get_by_role("link", name=first, exact=True).count() == 0


def test_jobs_work_with_the_keyboard_alone(visit: Callable[..., Visit]) -> None:
    opened = visit()
    page = opened.open("/ui/jobs")
    page.set_default_timeout(SECONDS)

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")

    tab_to("#files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([upload("keyboard.csv", tickets(20_000))])
    page.get_by_role("button", name="Label 1 file").wait_for()
    tab_to("[data-column=text_column]")
    tab_to("#start button")
    page.keyboard.press("Enter")
    row(page, "keyboard.csv").locator("[data-action=cancel]").wait_for()
    tab_to("[data-action=cancel]")
    page.keyboard.press("Enter")
    row(page, "keyboard.csv").get_by_text("Cancelled").wait_for()
    assert "keyboard.csv: Cancelled" in page.locator("#job-news").inner_text()
    page.keyboard.press("Tab")
    tab_to("[data-action=delete]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.innerText") == "Keep it"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    row(page, "keyboard.csv").wait_for(state="detached")


def test_files_that_cannot_be_labelled_say_why(visit: Callable[..., Visit]) -> None:
    opened = visit(width=390)
    hostile = "<img src=x onerror=alert(1)>\"'.csv"
    names = ["<img src=x onerror=alert(1)>", "‮שלום", "🙂" * 300, *(f"column {number}" for number in range(500))]
    cells = ['<script>alert("1")</script>', "שלום 🙂", "money " * 17_000, *["x"] * 500]
    page = choose(
        opened,
        upload("nothing.csv", b""),
        upload("binary.txt", bytes(range(256)) * 50),
        upload("locked.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
        upload("numbers.jsonl", b"".join(b'{"text": %d}\n' % number for number in range(9))),
        upload(hostile, ("\t".join(names) + "\n" + ("\t".join(cells) + "\n") * 3).encode()),
    )
    assert "The file is empty." in card(page, "nothing.csv").inner_text()
    assert "binary.txt" in card(page, "binary.txt").get_by_role("alert").inner_text()
    assert "locked.xlsx is protected by a password" in card(page, "locked.xlsx").inner_text()
    assert "The column 'text' has no texts in the first rows." in card(page, "numbers.jsonl").inner_text()
    assert page.locator("main img, main script").count() == 0
    assert card(page, hostile).locator("thead th").count() == 50
    assert fits(page)
    opened.screenshot("refused")
    assert opened.violations() == []
    assert {message.split(":")[0] for message in opened.errors} == {REFUSED}
    opened.errors.clear()


def test_models_that_read_pairs_get_a_second_column(visit: Callable[..., Visit]) -> None:
    opened = visit()
    rows = b"context,question,n\nthe parcel came on monday,when did it come,1\nthe money,what is it,2\n"
    page = choose(opened, upload("questions.csv", rows))
    assert not page.get_by_label("Second column").is_visible()
    page.get_by_label("Model", exact=True).select_option("question-answering")
    page.get_by_label("Second column").wait_for()
    assert page.get_by_label("Text column").input_value() == "question"
    assert page.get_by_label("Second column").input_value() == "context"
    assert not page.get_by_label("Lowest score").is_visible()
    page.get_by_label("Result as").select_option("jsonl")
    page.get_by_role("button", name="Label 1 file").click()
    row(page, "questions.csv").get_by_role("link", name="Download").wait_for()
    with page.expect_download() as download:
        row(page, "questions.csv").get_by_role("link", name="Download").click()
    first = json.loads(Path(download.value.path()).read_text().splitlines()[0])
    assert {"context", "question", "answer", "score"} <= set(first)


def test_slow_and_dead_servers_lose_nothing(visit: Callable[..., Visit], running: Server) -> None:
    opened = visit()
    page = opened.open("/ui/jobs")
    page.set_default_timeout(SECONDS)
    held: list[Any] = []
    page.route("**/v1/jobs/preview", lambda route: held.append(route))
    page.set_input_files("#files", upload("slow.csv", tickets(60_000)))
    page.get_by_text("Reading the first rows").wait_for()
    assert page.locator("#start button").is_disabled()
    assert opened.violations() == []
    held[0].continue_()
    page.get_by_role("button", name="Label 1 file").wait_for()

    page.route("**/v1/jobs", lambda route: route.abort())
    page.get_by_role("button", name="Label 1 file").click()
    page.get_by_text("The server does not answer. Check that it is running, then try again.").wait_for()
    page.unroute("**/v1/jobs")
    card(page, "slow.csv").get_by_role("button", name="Try again").click()
    row(page, "slow.csv").wait_for()
    row(page, "slow.csv").get_by_text("rows/s").wait_for()
    opened.screenshot("running")
    assert opened.violations() == []

    page.route("**/ui/jobs/list", lambda route: route.abort())
    page.get_by_text("The server does not answer. This is what it said at").wait_for()
    assert row(page, "slow.csv").is_visible()
    opened.screenshot("dead")
    page.unroute("**/ui/jobs/list")
    page.get_by_text("This is what it said at").wait_for(state="hidden")
    row(page, "slow.csv").get_by_role("button", name="Cancel").click()
    row(page, "slow.csv").get_by_text("Cancelled").wait_for()
    row(page, "slow.csv").get_by_role("button", name="Continue").click()
    row(page, "slow.csv").locator("[data-action=cancel]").wait_for()
    found = page.request.get(f"{running.url}/v1/jobs").json()["jobs"]
    assert [each["filename"] for each in found].count("slow.csv") == 1
    page.request.delete(f"{running.url}/v1/jobs/{found[0]['id']}")
    assert all(REFUSED in message for message in opened.errors)
    opened.errors.clear()


def test_key_that_ends_is_reported_in_place(browser: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = add_key(keys, "me", ["infer", "label"], None)
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    with server(bundle, key_file=keys, jobs=tmp_path / "jobs", free_disk_bytes=0) as running:
        opened = Visit(browser, running.url)
        page = opened.open("/ui/jobs")
        page.fill("#key", key)
        page.click("main button")
        page.set_default_timeout(SECONDS)
        page.set_input_files("#files", upload("rows.csv", tickets(60_000)))
        page.get_by_role("button", name="Label 1 file").click()
        row(page, "rows.csv").wait_for()
        page.set_input_files("#files", upload("later.csv", tickets(5)))
        page.get_by_role("button", name="Label 1 file").wait_for()
        opened.context.clear_cookies()
        page.locator("[data-stale]").get_by_role("link", name="Enter an API key").wait_for()
        assert row(page, "rows.csv").is_visible()
        page.get_by_role("button", name="Label 1 file").click()
        card(page, "later.csv").get_by_role("link", name="Enter an API key").wait_for()
        assert opened.violations() == []
        assert opened.foreign == []
        opened.context.close()
