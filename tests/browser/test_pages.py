"""The pages in a real browser: content, no requests to other hosts, accessibility."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import Server, server
from visits import BROKEN_WORDS, Visit
from vote_bundle import vote_bundle

from glossator.service.api.security.key_changes import add_key

pytestmark = pytest.mark.slow


def test_browser_is_redirected_from_the_root_to_the_page(visit: Callable[..., Visit]) -> None:
    page = visit().open("/")
    assert page.url.endswith("/ui")
    assert page.title() == "Glossator"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labels_are_shown_with_bars(visit: Callable[..., Visit], scheme: str) -> None:
    opened = visit(scheme=scheme)
    opened.open()
    page = opened.predict("thanks for the money, money", "intents", "tags")
    rows = page.locator("#answer article").nth(0).locator("tbody tr")
    assert rows.nth(0).inner_text().startswith("refund")
    assert rows.nth(0).get_attribute("class") == "chosen"
    assert float(rows.nth(0).locator("meter").get_attribute("value")) > 0.3
    assert page.locator("#answer article").count() == 2
    assert "6 tokens read in 1 window" in page.locator(".counts").nth(0).inner_text()
    assert "ms on the server" in page.locator(".counts").nth(0).inner_text()
    opened.screenshot(f"labels-{scheme}")
    assert opened.violations() == []


def test_explanation_marks_the_words_with_influence(visit: Callable[..., Visit]) -> None:
    opened = visit()
    opened.open()
    opened.page.wait_for_selector("#model")
    opened.page.check("[name=explain]")
    page = opened.predict("the money and the parcel money", "intents")
    marked = page.locator("mark.for-4")
    assert marked.all_inner_texts() == ["money", "money"]
    assert page.locator("#answer .text").inner_text() == "the money and the parcel money"
    opened.screenshot("words")
    assert opened.violations() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_entities_are_marked_in_place(visit: Callable[..., Visit], scheme: str) -> None:
    opened = visit(scheme=scheme)
    opened.open()
    page = opened.predict("🙂 <b>the parcel</b> came on monday & today", "token-classification")
    assert {"monday DAY", "parcel ITEM"} <= set(page.locator("mark").all_inner_texts())
    shown = page.locator("#answer .text").inner_text()
    assert "<b>the" in shown
    assert page.locator("#answer b").count() == 0
    opened.screenshot(f"entities-{scheme}")
    assert opened.violations() == []


def test_second_field_appears_for_models_that_read_pairs(visit: Callable[..., Visit]) -> None:
    opened = visit()
    page = opened.open()
    page.wait_for_selector("#model")
    assert not page.is_visible("#second")
    page.select_option("#model", "question-answering")
    assert page.is_visible("#second")
    page.fill("#second", "where is my parcel")
    opened.predict("the parcel came on monday")
    assert page.locator("#answer .text").inner_text().startswith("the")
    page.select_option("#model", "text-pair-score")
    page.click("#predict button")
    page.wait_for_selector("article[aria-label='Answer of text-pair-score']")
    assert float(page.locator("#answer .note").inner_text()) > 0


def test_errors_are_shown(visit: Callable[..., Visit]) -> None:
    opened = visit()
    opened.open()
    page = opened.predict("   \u3000", "intents")
    assert "the text is empty" in page.locator("[role=alert]").inner_text()
    assert opened.violations() == []


def test_page_works_with_the_keyboard_alone(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    page.wait_for_selector("#model")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.type("parcel")
    assert page.input_value("#text") == "parcel"
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#answer article")
    assert "delivery" in page.locator("#answer tbody tr").nth(0).inner_text()


def test_file_is_submitted_followed_and_downloaded(visit: Callable[..., Visit], tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("text\n" + "".join(f"money {number}\n" for number in range(3_000)) + '" "\n')
    opened = visit()
    page = opened.open()
    page.wait_for_selector("#model")
    page.fill("#job-model", "intents")
    page.set_input_files("#file", file)
    page.click("#upload button")
    page.wait_for_selector("#jobs tr[id]")
    page.wait_for_selector("#jobs a[download]", timeout=60_000)
    assert "3,001, 1 with an error" in page.locator("#jobs tbody tr").nth(0).inner_text()
    with page.expect_download() as download:
        page.locator("#jobs a[download]").nth(0).click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert download.value.suggested_filename == "rows-labelled.csv"
    assert len(lines) == 3_002
    opened.screenshot("jobs")
    assert opened.violations() == []


def test_card_shows_its_pictures(visit: Callable[..., Visit], running: Server) -> None:
    opened = visit()
    page = opened.open("/ui/models/token-classification")
    page.wait_for_load_state("networkidle")
    pictures = page.locator("main img")
    assert pictures.count() > 0
    for index in range(pictures.count()):
        pictures.nth(index).scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    opened.screenshot("card")
    assert opened.violations() == []
    for path in ("../bundle.json", "bundle.json", "onnx/model.onnx", "..%2f..%2fetc%2fpasswd", "evaluation/none.svg"):
        answer = page.request.get(f"{running.url}/ui/models/token-classification/pictures/{path}")
        assert answer.status == 404, path
        opened.errors.clear()


def test_documentation_loads_only_our_own_files(visit: Callable[..., Visit]) -> None:
    opened = visit()
    page = opened.open("/docs")
    page.locator("[data-path='/v1/models/{name}/predict']").wait_for()
    assert page.locator(".opblock").count() > 30
    opened.screenshot("docs")


@pytest.mark.parametrize("width", [360, 1400])
def test_page_fits_narrow_and_wide_screens(visit: Callable[..., Visit], width: int) -> None:
    opened = visit(width=width)
    opened.open()
    page = opened.predict("money parcel " * 30 + "x" * 300, "intents")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    opened.screenshot(f"width-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_key_is_entered_once_and_no_script_can_read_it(browser: Any, tmp_path: Path, scheme: str) -> None:
    """keys: never in the UI."""
    keys = tmp_path / "keys.json"
    key = add_key(keys, "me", ["infer", "label"], None)
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    with server(bundle, key_file=keys, jobs=tmp_path / "jobs", free_disk_bytes=0) as running:
        opened = Visit(browser, running.url, scheme=scheme, width=390)
        page = opened.open("/ui/models/intents")
        assert page.url.endswith("/ui/session?next=/ui/models/intents")
        assert opened.violations() == []
        opened.screenshot(f"key-{scheme}")
        page.fill("#key", "a wrong key")
        page.click("button")
        assert page.locator("[role=alert]").inner_text() == "This key is unknown or has expired."
        assert page.locator("body").inner_text().count("{") == 0
        assert opened.violations() == []
        opened.errors.clear()  # the browser logs the 401
        page.fill("#key", key)
        page.click("button")
        assert page.url.endswith("/ui/models/intents")
        (cookie,) = opened.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert key not in cookie["value"]
        opened.open("/docs").locator("[data-path='/v1/models/{name}/predict']").wait_for()
        assert page.locator("button.authorize").count() > 0
        opened.open()
        opened.predict("money", "intents")
        assert key not in page.content()
        assert page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])").count(key) == 0
        assert page.evaluate("document.cookie") == ""
        assert opened.violations() == []
        page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"money\n"})
        page.click("#upload button")
        page.wait_for_selector("#jobs a[download]", timeout=60_000)
        with page.expect_download() as download:
            page.locator("#jobs a[download]").click()
        assert "refund" in Path(download.value.path()).read_text()
        assert opened.errors == []
        page.click("text=Forget the key")
        page.wait_for_selector("#key")
        assert opened.open().url.endswith("/ui/session?next=/ui")
        opened.context.close()


def test_key_that_expires_is_reported_in_place(browser: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = add_key(keys, "me", ["infer"], None)
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification")
    with server(bundle, key_file=keys) as running:
        opened = Visit(browser, running.url)
        page = opened.open()
        page.fill("#key", key)
        page.click("button")
        opened.predict("money", "intents")
        opened.context.clear_cookies()
        page.click("#predict button")
        page.wait_for_selector("#answer [role=alert]")
        assert page.locator("#answer").inner_text().startswith("The request has no valid API key.")
        assert page.locator("#answer article").count() == 0  # no stale answer
        assert page.locator("#answer a").get_attribute("href") == "/ui/session"
        opened.context.close()


def test_server_that_stopped_is_reported_and_no_old_answer_stays(browser: Any, tmp_path: Path) -> None:
    with server(vote_bundle(tmp_path / "intents", "single_label_classification")) as running:
        opened = Visit(browser, running.url)
        opened.open()
        page = opened.predict("money", "intents")
    page.click("#predict button")
    page.wait_for_selector("#answer [role=alert]")
    assert (
        page.locator("#answer").inner_text() == "The server does not answer. Check that it is running, then try again."
    )
    assert page.is_enabled("#predict button")
    opened.context.close()


def test_pages_that_do_not_exist_say_so(browser: Any, running: Server) -> None:
    opened = Visit(browser, running.url, width=390)
    for path in ("/nowhere", "/ui/nowhere", "/ui/models/none"):
        page = opened.open(path)
        assert page.locator("[role=alert]").count() == 1, path
        assert page.locator("a").get_attribute("href") == "/ui"
        assert opened.violations() == []
    opened.screenshot("missing")
    opened.context.close()


@pytest.mark.parametrize("path", ["/ui", "/ui/models/intents", "/ui/models/token-classification"])
def test_no_word_is_broken_on_a_phone(visit: Callable[..., Visit], path: str) -> None:
    opened = visit(width=360)
    page = opened.open(path)
    if path == "/ui":
        opened.predict("the parcel with the money", "intents", "tags")
    opened.screenshot(f"phone-{path.rpartition('/')[2]}")
    assert page.evaluate(BROKEN_WORDS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_an_answer_is_called_wrong_and_the_right_label_is_given(
    browser: Any, tmp_path: Path, scheme: str, width: int
) -> None:
    bundles = [
        vote_bundle(tmp_path / name, kind)
        for name, kind in (("intents", "single_label_classification"), ("tags", "multi_label_classification"))
    ]
    with server(*bundles, prediction_log=tmp_path / "log", free_disk_bytes=0) as running:
        opened = Visit(browser, running.url, scheme=scheme, width=width)
        opened.open()
        page = opened.predict("money parcel", "intents", "tags")
        first, second = page.locator(".feedback").nth(0), page.locator(".feedback").nth(1)
        assert opened.violations() == []
        first.get_by_role("button", name="Wrong").focus()
        page.keyboard.press("Enter")
        first.get_by_label("Which label is right?").select_option("delivery")
        assert page.evaluate("document.activeElement.className") == "said"  # a screen reader goes on there
        second.get_by_role("button", name="Wrong").click()
        second.get_by_label("none of these").check()
        opened.screenshot(f"feedback-{scheme}")
        assert opened.violations() == []
        first.get_by_label("Comment").fill("<img src=x onerror=alert(1)>")
        first.get_by_role("button", name="Send").click()
        page.get_by_text("You said: wrong; right is delivery; “<img src=x onerror=alert(1)>”.").wait_for()
        second.get_by_role("button", name="Send").click()
        page.get_by_text("You said: wrong; right is no label.").wait_for()
        assert page.locator("#answer img").count() == 0
        assert page.evaluate(BROKEN_WORDS) == [] or width > 390
        found = page.request.get(f"{running.url}/v1/feedback").json()["feedback"]
        assert [each["gold"] for each in found] == [{"labels": []}, {"labels": ["delivery"]}]
        first.get_by_role("button", name="Undo").click()
        first.get_by_role("button", name="Right").click()
        page.get_by_text("You said: right.").wait_for()
        assert opened.violations() == []
        assert (opened.errors, opened.foreign) == ([], [])
        opened.context.close()


def test_feedback_works_without_scripts(browser: Any, tmp_path: Path) -> None:
    with server(
        vote_bundle(tmp_path / "intents", "single_label_classification"),
        prediction_log=tmp_path / "log",
        free_disk_bytes=0,
    ) as running:
        opened = Visit(browser, running.url)
        opened.open()
        page = opened.predict("money", "intents")
        form = page.locator(".feedback form").evaluate("form => form.outerHTML")
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(f"{running.url}/ui")
        plain.set_content(form.replace('action="', f'action="{running.url}'))
        plain.get_by_role("button", name="Right").click()
        plain.get_by_text("You said: right.").wait_for()
        plain.get_by_role("button", name="Undo").click()
        plain.get_by_text("Is this answer right?").wait_for()
        plain.context.close()
        opened.context.close()


def test_a_server_without_a_log_does_not_ask(visit: Callable[..., Visit]) -> None:
    opened = visit()
    opened.open()
    assert opened.predict("money", "intents").locator(".feedback").count() == 0
