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
    assert page.title() == "Playground · Glossator"


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
        opened.open("/ui/jobs")
        page.set_input_files("#files", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"money\n"})
        page.get_by_role("button", name="Label 1 file").click(timeout=60_000)
        page.wait_for_selector("#jobs a[download]", timeout=60_000)
        with page.expect_download() as download:
            page.locator("#jobs a[download]").click()
        assert "refund" in Path(download.value.path()).read_text()
        assert opened.errors == []
        page.click("text=Forget the key")
        page.wait_for_selector("#key")
        assert opened.open().url.endswith("/ui/session?next=/ui")
        opened.context.close()


def test_pages_that_do_not_exist_say_so(browser: Any, running: Server) -> None:
    opened = Visit(browser, running.url, width=390)
    for path in ("/nowhere", "/ui/nowhere", "/ui/models/none"):
        page = opened.open(path)
        assert page.locator("[role=alert]").count() == 1, path
        assert page.locator("main a").get_attribute("href") == "/ui"
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
