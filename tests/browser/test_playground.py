"""The Playground in a real browser: every kind of answer, comparisons, typing, files, failures, keys and links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import Server, server
from visits import BROKEN_WORDS, Visit
from vote_bundle import vote_bundle

from glossator.service.api.security.key_changes import add_key
from glossator.service.registry import Registry

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=alert(1)>\"' \u202eevil\u202c"
LABELS = [f"topic_{number}" for number in range(497)] + [HOSTILE, "x" * 500, "نص عربي طويل"]
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
ANSWER = "#answer:not(.is-stale)"
DEAD = "The server does not answer. Check that it is running, then try again."


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a registry: `intents` with a challenger, and `many` with 500 labels."""
    root = tmp_path_factory.mktemp("versions")
    registry = Registry(root / "registry")
    registry.add(vote_bundle(root / "1" / "intents", "single_label_classification"))
    registry.add(vote_bundle(root / "2" / "intents", "multi_label_classification"), alias="challenger")
    registry.add(vote_bundle(root / "many", "multi_label_classification", labels=LABELS))
    with server(models=registry.root) as running:
        yield running


def submit(page: Any) -> None:
    page.click("#predict [type=submit]")


def answer_fast(route: Any) -> None:
    """Let the server answer, and say that it took 5 ms, however busy the machine is."""
    response = route.fetch()
    route.fulfill(
        response=response, body=re.sub(r'data-milliseconds="[\d.]+"', 'data-milliseconds="5.0"', response.text())
    )


def answered(page: Any, text: str) -> Any:
    """The article with this text, once it is shown."""
    found = page.locator(f"{ANSWER} article", has_text=text).first
    found.wait_for(timeout=30_000)
    return found


def fits(visit: Visit) -> None:
    assert visit.page.evaluate(FITS)
    assert visit.violations() == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_labels_are_compared_explained_and_fit(visit: Callable[..., Visit], scheme: str, width: int) -> None:
    opened = visit(scheme=scheme, width=width)
    page = opened.open()
    page.locator(".answer-empty").wait_for()
    fits(opened)
    opened.screenshot(f"playground-empty-{scheme}")
    opened.predict("thanks for the money, money", "intents", "tags")
    first, second = answered(page, "tokens read"), page.locator("#answer article").nth(1)
    assert first.locator(".chosen th").inner_text().strip().endswith("(assigned)")
    assert "6 tokens read in 1 window, nothing cut off" in first.inner_text()
    assert second.locator(".bar-limit").count() == 6
    assert first.locator(".bar-limit").count() == 0
    assert second.locator("tbody tr").nth(0).locator("td").nth(1).inner_text().startswith("+")
    assert "Same answer" in page.locator(".verdict").inner_text()
    assert page.locator("#spoken").inner_text().startswith("intents: refund 32.5%. tags: refund 73.1%. Same answer")
    fits(opened)
    assert page.evaluate(BROKEN_WORDS) == []
    opened.screenshot(f"playground-compare-{scheme}")
    page.select_option("#other", "")
    page.check("#explain")
    page.fill("#text", "the money and the parcel money")
    submit(page)
    answered(page, "Why “refund”?")
    assert page.locator(".passage mark.for-4").all_inner_texts() == ["money", "money"]
    assert page.locator(".passage").inner_text() == "the money and the parcel money"
    assert "solid line" in page.locator(".legend").inner_text()
    page.click("text=Influence in numbers")
    assert "against" in page.locator("details tbody").inner_text()
    fits(opened)
    opened.screenshot(f"playground-explain-{scheme}")


def test_every_task_has_its_own_fields_and_answer(visit: Callable[..., Visit]) -> None:
    opened = visit(width=1400)
    page = opened.open("/ui?model=token-classification")
    assert not page.is_visible("#second")
    opened.predict("🙂 <b>the parcel</b> مرحبا came on monday & today", "token-classification")
    answered(page, "ITEM")
    marks = page.locator(".passage mark")
    assert {"monday", "parcel"} <= {each.locator("bdi").first.inner_text() for each in marks.all()}
    assert re.search(
        r"DAY, 9\d\.\d%, characters 34 to 40",
        " ".join(page.locator("mark").evaluate_all("all => all.map(each => each.title)")),
    )
    assert page.locator("#answer b, #answer img").count() == 0
    assert "DAY" in page.locator(".legend").inner_text()
    fits(opened)
    opened.screenshot("playground-entities")
    page.select_option("#model", "question-answering")
    page.locator("#second-label", has_text="Question").wait_for()
    page.fill("#second", "where is my parcel")
    page.fill("#text", "the parcel came on monday " * 3)
    submit(page)
    assert answered(page, "question-answering").locator(".passage").inner_text().startswith("the")
    page.select_option("#model", "text-pair-score")
    page.locator("#text-label", has_text="First text").wait_for()
    submit(page)
    assert float(answered(page, "text-pair-score").locator(".score-value").inner_text()) > 0
    page.select_option("#model", "text-embedding")
    page.locator("#text-label", has_text="Texts, one on each line").wait_for()
    page.fill("#text", "where is my parcel\nthe money is missing\nwhere is my parcel")
    submit(page)
    cells = answered(page, "Similarity of each pair").locator("tbody tr").nth(0).locator("td").all_inner_texts()
    assert cells[0] == cells[2] == "1.00"
    fits(opened)
    opened.screenshot("playground-vectors")
    page.click("label[for=mode-zero-shot]")
    page.fill("#text", "where is my parcel")
    page.fill("#lines", f"delivery\n{HOSTILE}")
    submit(page)
    assert answered(page, "delivery").locator("tbody tr").count() == 2
    page.click("label[for=mode-rerank]")
    page.fill("#lines", "the money is missing\nwhere is my parcel")
    submit(page)
    assert answered(page, "Rank").locator("tbody th").nth(0).inner_text() == "where is my parcel"
    fits(opened)


def test_answers_follow_the_typing_and_never_stand_next_to_another_text(visit: Callable[..., Visit]) -> None:
    page = visit().open("/ui?model=intents")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.route("**/ui/answer", answer_fast)
    page.fill("#text", "money")
    assert asked == []  # nothing is known yet of the model's speed
    page.keyboard.press("Control+Enter")
    page.locator("#text").focus()
    page.keyboard.press("Control+Enter")
    answered(page, "refund")
    page.locator("#text").press_sequentially(" parcel parcel")
    page.locator(f"{ANSWER} .chosen", has_text="delivery").wait_for()
    page.uncheck("#live")
    count = len(asked)
    page.locator("#text").press_sequentially("!")
    assert page.locator("#answer.is-stale").count() == 1
    assert not page.is_visible("#answer article")
    assert page.locator("#spoken").inner_text() == ""
    page.locator("#text").press("Backspace")
    assert page.is_visible("#answer article")  # it is the answer to this text
    assert len(asked) == count
    held: list[Any] = []
    page.route("**/ui/answer", lambda route: held.append(route))
    page.fill("#text", "money")
    submit(page)
    page.get_by_text("Predicting…").wait_for()
    page.fill("#text", "thanks")
    held[0].continue_()
    page.locator("#waiting").wait_for(state="hidden")
    assert page.locator("#answer article").count() == 1
    assert not page.is_visible("#answer article")
    page.unroute("**/ui/answer")
    submit(page)
    page.locator(f"{ANSWER} .chosen", has_text="praise").wait_for()


def test_hundreds_of_labels_are_searched_and_hostile_names_stay_text(
    visit: Callable[..., Visit], versions: Server
) -> None:
    opened = visit(versions.url, width=390, scheme="dark")
    page = opened.open("/ui?model=many")
    opened.predict("money parcel", "many")
    answered(page, "All 500 labels")
    assert page.locator(".bars tbody tr").count() <= 40
    page.click("summary")
    page.get_by_text("500 of 500 labels").wait_for()
    page.fill("[type=search]", "ONERROR")
    page.get_by_text("1 of 500 labels").wait_for()
    assert HOSTILE in page.locator(".scroll tbody th").inner_text()
    assert page.locator("#answer img").count() == 0
    page.fill("[type=search]", "xxxx")
    page.get_by_text("1 of 500 labels").wait_for()
    fits(opened)
    opened.screenshot("playground-500-labels")


def test_the_challenger_is_loaded_and_compared_with_one_key(visit: Callable[..., Visit], versions: Server) -> None:
    opened = visit(versions.url, width=1400)
    page = opened.open()
    page.locator("#model option[value='intents@challenger'][data-unloaded]").wait_for(state="attached")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link to the text field
    page.keyboard.type("the")
    page.keyboard.press("Control+Enter")
    answered(page, "refund")
    page.locator("#main").focus()
    page.keyboard.press("c")
    answered(page, "intents@challenger")
    assert "refund → no label" in page.locator(".verdict").inner_text()
    assert "removed" in page.locator("#answer article").nth(1).inner_text()
    assert page.locator("#other option:checked").inner_text() == "intents@challenger"  # no longer "not loaded"
    fits(opened)
    opened.screenshot("playground-challenger")
    page.keyboard.press("c")
    page.wait_for_function("document.querySelectorAll('#answer:not(.is-stale) article').length === 1")
    page.keyboard.press("?")
    assert page.is_visible("#shortcuts")
    fits(opened)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "text"


def test_examples_links_and_code_keep_texts_out_of_addresses(visit: Callable[..., Visit], versions: Server) -> None:
    opened = visit(versions.url)
    page = opened.open()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.click("[data-example=two]")
    answered(page, "tokens read")
    page.check("#explain")
    page.click("[data-open=share]")
    link = page.input_value("#link")
    assert link == f"{versions.url}/ui?model=intents&explain=yes&example=two"
    fits(opened)
    page.click("#share [data-close]")
    page.fill("#text", "a secret text")
    page.click("[data-open=share]")
    assert page.input_value("#link") == f"{versions.url}/ui?model=intents&explain=yes"
    page.click("#share [data-close]")
    page.click("#copy-as")
    page.select_option("#code-choice", label="Glossator · TypeScript")
    shown = page.locator(".code-example:visible")
    assert shown.count() == 1
    assert "a secret text" in shown.inner_text()
    fits(opened)
    page.keyboard.press("Escape")
    page.select_option("#model", "many")
    page.locator("#panel", has_text="500 labels").wait_for()
    assert [each for each in addresses if "secret" in each] == []
    page.goto(link)
    answered(page, "Why")
    assert page.input_value("#text") == "Parcel thanks!"


def test_files_are_read_and_large_texts_answered(visit: Callable[..., Visit]) -> None:
    opened = visit()
    page = opened.open("/ui?model=token-classification")
    large = "the parcel came on monday. " * 3_800
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": large.encode()})
    page.wait_for_function("document.getElementById('text').value.length > 100000")
    submit(page)
    answered(page, "nothing cut off")
    assert page.locator(".passage").evaluate("box => box.textContent.length") > len(large)
    page.check("#truncate")
    submit(page)
    answered(page, "the rest was cut off")
    assert page.evaluate(FITS)
    for name, content, message in (
        ("a.docx", b"PK\x03\x04\xff\xfe", "a.docx is not a text file in UTF-8."),
        ("b.txt", b"a" * 2_000_001, "b.txt is too large: 2.0 MB."),
    ):
        page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content})
        page.locator(".toast-line", has_text=message).wait_for()


def test_failures_are_said_in_place(visit: Callable[..., Visit]) -> None:
    opened = visit(width=390)
    page = opened.open("/ui?model=intents")
    opened.predict("   \u3000", "intents")
    assert "The text is empty" in answered(page, "empty").locator("[role=alert]").inner_text()
    fits(opened)
    opened.predict("money")
    answered(page, "refund")
    page.route("**/ui/answer", lambda route: route.abort())
    page.fill("#text", "money money")
    submit(page)
    page.locator("#answer [role=alert]").wait_for()
    assert page.locator("#answer").inner_text() == DEAD
    assert page.locator("#answer article").count() == 0  # no old answer
    assert page.is_hidden("#waiting")
    fits(opened)
    page.unroute("**/ui/answer")
    page.route("**/ui/answer", lambda route: route.fulfill(status=500, content_type="text/html", body="<p>broken</p>"))
    submit(page)
    page.get_by_text("broken").wait_for()
    page.unroute("**/ui/answer")
    held: list[Any] = []
    page.route("**/ui/answer", lambda route: held.append(route))
    assert page.get_attribute("#predict", "hx-request") == '{"timeout": 40000}'
    page.evaluate("""document.getElementById("predict").setAttribute("hx-request", '{"timeout": 300}')""")
    submit(page)
    page.locator("#answer", has_text=DEAD).wait_for()
    page.evaluate("""document.getElementById("predict").setAttribute("hx-request", '{"timeout": 40000}')""")
    page.unroute("**/ui/answer")
    page.route("**/ui/playground/**", lambda route: route.abort())
    page.select_option("#model", "tags")
    page.locator(".toast-line", has_text=DEAD).wait_for()
    page.click("[data-example=two]")
    page.locator(".toast-line", has_text=DEAD).nth(1).wait_for()
    page.unroute("**/ui/playground/**")
    submit(page)
    answered(page, "tags")
    opened.errors.clear()  # the browser logs failed requests


def test_a_session_that_ends_is_reported_in_place(browser: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = add_key(keys, "me", ["infer"], None)
    with server(vote_bundle(tmp_path / "intents", "single_label_classification"), key_file=keys) as running:
        opened = Visit(browser, running.url)
        page = opened.open()
        page.fill("#key", key)
        page.click("main button")
        opened.predict("money", "intents")
        assert opened.errors == []
        opened.context.clear_cookies()
        submit(page)
        page.locator("#answer [role=alert]").wait_for()
        assert page.locator("#answer").inner_text().startswith("The request has no valid API key.")
        assert page.locator("#answer article").count() == 0
        assert page.locator("#answer a").get_attribute("href") == "/ui/session"
        opened.context.close()


def test_server_that_stopped_is_reported_and_no_old_answer_stays(browser: Any, tmp_path: Path) -> None:
    with server(vote_bundle(tmp_path / "intents", "single_label_classification")) as running:
        opened = Visit(browser, running.url)
        opened.open()
        page = opened.predict("money", "intents")
    page.click("#predict [type=submit]")
    page.wait_for_selector("#answer [role=alert]")
    assert page.locator("#answer").inner_text() == DEAD
    assert page.is_enabled("#predict [type=submit]")
    opened.context.close()


def test_of_two_examples_the_last_one_is_shown_even_if_the_first_comes_later(
    visit: Callable[..., Visit], versions: Server
) -> None:
    page = visit(versions.url).open()
    chips = page.locator("[data-example]")
    first, second = (chips.nth(place).get_attribute("data-example") for place in (0, 1))
    held: list[Any] = []
    page.route(f"**/playground/example?*name={first}", lambda route: held.append(route))
    chips.nth(0).click()
    chips.nth(1).click()
    page.locator(ANSWER).locator("article").first.wait_for(timeout=30_000)
    shown = page.input_value("#text")
    with page.expect_response(lambda response: f"name={first}" in response.url):
        held[0].continue_()
    page.evaluate("new Promise((resolve) => setTimeout(resolve))")
    assert (page.input_value("#text"), first != second) == (shown, True)
