"""The buttons below an answer in a real browser: by keyboard, without scripts, and where no answer is logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import server
from visits import BROKEN_WORDS, Visit
from vote_bundle import vote_bundle

pytestmark = pytest.mark.slow


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
