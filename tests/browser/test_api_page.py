"""The page of the API: what the server answers, and requests that run in Swagger UI, with a key and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from servers import Server, server
from visits import Visit
from vote_bundle import vector_bundle, vote_bundle

PATIENCE = 60_000
PREDICT = "#operations-inference-predict_v1_models__name__predict_post"
KEY = "a-key-of-the-browser-tests-long-enough"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("api-page")
    bundles = [
        vote_bundle(root / "intents", "single_label_classification", labels=[HOSTILE, "b", "c"]),
        vector_bundle(root / "vectors", dimension=8),
    ]
    with server(*bundles, api_keys=KEY) as running:
        yield running


def enter_key(opened: Visit, key: str = KEY) -> Any:
    page = opened.open("/docs")
    page.set_default_timeout(PATIENCE)
    page.fill("#key", key)
    page.click("main form button")
    return page


def run_example(page: Any, operation: str) -> tuple[str, str]:
    """Run the unchanged example of an operation: the status and the body of the response."""
    part = page.locator(operation)
    part.locator(".opblock-summary-control").click()
    part.locator(".try-out__btn").click()
    part.locator("button.execute").click()
    live = part.locator(".live-responses-table")
    status = live.locator("tbody .response-col_status").first
    status.wait_for()
    return status.inner_text().strip(), live.locator("pre").first.inner_text()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_examples_run_with_the_session_of_the_pages(browser: Any, protected: Server, scheme: str, width: int) -> None:
    opened = Visit(browser, protected.url, scheme=scheme, width=width)
    page = enter_key(opened)
    page.locator(PREDICT).wait_for()
    assert page.locator("h1").inner_text() == "API"
    rows = page.locator("section[aria-labelledby=tasks] tbody tr")
    models = {row.locator("th").inner_text(): row.locator("td").first.inner_text() for row in rows.all()}
    assert models["Text classification"] == "intents"
    assert models["Rerank"] == models["Zero-shot"] == models["Embeddings"] == "vectors"
    assert models["Entities"] == "none served now"
    status, body = run_example(page, PREDICT)
    assert status == "200"
    assert HOSTILE in body
    page.locator(".dialect summary").first.click()
    command = page.locator("#example-1").inner_text()
    assert "$GLOSSATOR_API_KEY" in command
    assert KEY not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert opened.violations() == []
    opened.screenshot(f"api-{scheme}-{width}")
    assert (opened.errors, opened.foreign) == ([], [])
    opened.context.close()


def test_examples_of_every_kind_run(browser: Any, protected: Server) -> None:
    opened = Visit(browser, protected.url)
    page = enter_key(opened)
    for operation in (
        "#operations-openai-embeddings_v1_embeddings_post",
        "#operations-inference-zero_shot_v1_models__name__zero_shot_post",
        "#operations-inference-rerank_v1_models__name__rerank_post",
        "#operations-hugging-face-infer_hf__name__post",
        "#operations-open-inference-infer_v2_models__name__infer_post",
    ):
        assert run_example(page, operation)[0] == "200", operation
    assert opened.errors == []
    opened.context.close()


def test_another_key_can_be_authorized_and_a_wrong_one_is_refused(browser: Any, protected: Server) -> None:
    opened = Visit(browser, protected.url)
    page = enter_key(opened)
    page.locator("button.authorize").first.click()
    page.fill(".auth-container input", "a-wrong-key")
    page.locator(".auth-btn-wrapper button.authorize").click()
    assert opened.violations() == []
    opened.screenshot("api-authorize")
    page.locator(".btn-done").click()
    assert run_example(page, PREDICT)[0] == "401"
    assert all("401" in error for error in opened.errors)
    opened.context.close()


def test_page_is_used_by_keyboard_alone(browser: Any, protected: Server) -> None:
    opened = Visit(browser, protected.url)
    page = enter_key(opened)
    control = page.locator(f"{PREDICT} .opblock-summary-control")
    control.wait_for()
    control.focus()
    page.keyboard.press("Enter")
    page.locator(f"{PREDICT} .try-out__btn").focus()
    page.keyboard.press("Enter")
    page.locator(f"{PREDICT} textarea").wait_for()
    page.locator(f"{PREDICT} .execute").focus()
    page.keyboard.press("Enter")
    page.locator(f"{PREDICT} .live-responses-table tbody .response-col_status").first.wait_for()
    page.locator(".dialect summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#example-1").is_visible()
    opened.context.close()


def test_schemas_and_examples_of_answers_are_shown(browser: Any, protected: Server) -> None:
    opened = Visit(browser, protected.url)
    page = enter_key(opened)
    part = page.locator(PREDICT)
    part.locator(".opblock-summary-control").click()
    examples = part.locator(".responses-table select.examples-select-element").first
    examples.wait_for()
    assert examples.locator("option").all_inner_texts() == ["many"]
    part.locator(".responses-table button:has-text('Schema')").first.click()
    schema = part.locator(".json-schema-2020-12").first
    schema.wait_for()
    assert "results" in schema.inner_text()
    page.fill(".operation-filter-input", "openai")
    page.locator("#operations-tag-inference").wait_for(state="detached")
    assert page.locator("#operations-tag-openai").count() == 1
    assert opened.errors == []
    opened.context.close()


def test_slow_document_is_awaited_and_a_dead_server_is_reported(browser: Any, protected: Server) -> None:
    opened = Visit(browser, protected.url)
    opened.page.route("**/openapi.json", lambda route: None)
    page = enter_key(opened)
    page.locator("#docs .loading").wait_for()
    assert page.locator("#clients").is_visible()
    assert opened.violations() == []
    page.unroute("**/openapi.json")  # lets the held request go on
    page.locator(PREDICT).wait_for()
    page.route("**/predict", lambda route: route.abort())
    part = page.locator(PREDICT)
    part.locator(".opblock-summary-control").click()
    part.locator(".try-out__btn").click()
    part.locator("button.execute").click()
    part.locator(".live-responses-table >> text=Failed to fetch").first.wait_for()
    page.route("**/openapi.json", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("#docs [role=alert]")
    assert page.locator("#clients").is_visible()
    opened.context.close()


def test_wrong_key_is_reported_on_the_key_page(browser: Any, protected: Server) -> None:
    opened = Visit(browser, protected.url, width=390, scheme="dark")
    page = enter_key(opened, "a wrong key")
    assert page.locator("[role=alert]").inner_text() == "This key is unknown or has expired."
    assert page.locator("#key").evaluate("element => element === document.activeElement")
    assert opened.violations() == []
    opened.screenshot("key-wrong")
    opened.context.close()
