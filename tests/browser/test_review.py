"""The section Review in a real browser: the list, and one item a screen, by keyboard and by mouse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_review_queue import FakeReviewQueue
from playwright.sync_api import expect
from servers import Server, server
from visits import BROKEN_WORDS, Visit
from vote_bundle import vote_bundle

pytestmark = pytest.mark.slow
Start = Callable[..., Visit]
expect.set_options(timeout=30_000)

LABELS = [
    "refund", "delivery", "invoice", "password", "cancel", "address", "payment", "warranty", "praise", "other",
    "account", "login",
]  # fmt: skip
TEXTS = [
    "I ordered the blue one two weeks ago and it is still not here. Can you tell me where my parcel is?",
    "Please send the money back to my card, the shoes do not fit.",
    "My password does not work since the update on Monday 🙈",
]
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that keeps files to label. Most tests answer its JSON with a fake queue."""
    folder = tmp_path_factory.mktemp("review")
    bundle = vote_bundle(folder / "intents", "single_label_classification")
    with server(bundle, reviews=folder / "reviews", free_disk_bytes=0) as started:
        yield started


def tickets(number: int = 30, labels: list[str] = LABELS, **more: Any) -> FakeReviewQueue:
    items = [
        {
            "text": f"{TEXTS[index % 3]} ({index})",
            "note_for_reviewer": "drawn from the logged answers of 29 November",
            "suggestion": {"labels": [{"label": labels[1], "score": 0.71}, {"label": labels[0], "score": 0.052}]},
        }
        for index in range(number)
    ]
    return FakeReviewQueue("single_label", labels, items, title="Tickets of November", **more)


def open_queue(visit: Visit, queue: FakeReviewQueue) -> Any:
    visit.context.route(re.compile(r"/ui/review/[^/]+/(items|reviews|undo)\.json"), queue.answer)
    page = visit.open("/ui/review/file%3Afake")
    expect(page.locator("#work, #state-done, #state-error .problem").locator("visible=true").first).to_be_visible()
    return page


def expect_item(page: Any, number: int | str) -> None:
    expect(page.locator("#item")).to_have_attribute("data-item", str(number))


def expect_stored(page: Any, queue: FakeReviewQueue, number: int) -> None:
    expect(page.locator("#saved")).to_have_text("Saved")
    assert len(queue.verdicts) == number


def test_a_queue_is_reviewed_with_the_keyboard_alone(visit: Start) -> None:
    opened, queue = visit(width=1400), tickets()
    page = open_queue(opened, queue)
    expect_item(page, 0)
    expect(page.locator("h1")).to_have_text("Tickets of November")
    expect(page.locator("#suggestion-words")).to_have_text("delivery")
    expect(page.locator("#announcer")).to_have_text(re.compile("blue one.* Suggested: delivery"))
    opened.screenshot("single-light-wide")
    assert opened.violations() == []
    page.keyboard.press("Enter")  # accept
    page.keyboard.press("1")
    page.keyboard.press("0")
    page.keyboard.press(" ")
    expect_item(page, 4)
    page.keyboard.press("u")
    expect_item(page, 3)
    page.keyboard.press("u")
    expect_item(page, 2)
    expect(page.locator("#undo")).to_be_enabled()
    page.keyboard.press("3")
    page.keyboard.press("s")
    opened.screenshot("skip")
    page.keyboard.press("2")
    expect_item(page, 4)
    page.keyboard.press("n")
    page.keyboard.type("not sure")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("warr")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("s")
    page.keyboard.press("o")
    page.keyboard.type("a joke")
    page.keyboard.press("Enter")
    expect_item(page, 7)
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    opened.screenshot("keys")
    assert opened.violations() == []
    page.keyboard.press("Escape")
    expect_stored(page, queue, 7)
    verdicts = [queue.verdicts[str(number)]["verdict"] for number in range(7)]
    assert verdicts == [
        {"labels": ["delivery"]}, {"labels": ["refund"]}, {"labels": ["invoice"]}, {"skip": "Several labels fit"},
        {"labels": ["warranty"]}, {"labels": ["delivery"]}, {"skip": "a joke"},
    ]  # fmt: skip
    assert queue.verdicts["4"]["note"] == "not sure"
    assert all(0 <= each["seconds"] < 300 for each in queue.verdicts.values())
    expect(page.locator("#progress-count")).to_have_text("7 of 30")
    expect(page.locator("#progress-words")).to_contain_text("about 120 more for ±2 · 2 skipped")
    expect(page.locator("#progress-words")).to_contain_text("items an hour")


def test_suggestions_can_be_hidden_and_that_is_remembered(visit: Start) -> None:
    opened, queue = visit(scheme="dark", width=390), tickets(3)
    page = open_queue(opened, queue)
    expect_item(page, 0)
    opened.screenshot("single-dark-narrow")
    page.get_by_role("button", name="Hide suggestions").click()
    expect(page.locator("#suggestion-words")).to_have_text("hidden")
    expect(page.locator(".label .score").first).to_have_text("")
    assert queue.blind == [False, True]
    page.keyboard.press("Enter")
    expect(page.locator("#warning")).to_have_text("Choose a label: there is no suggestion to accept.")
    expect_item(page, 0)
    assert opened.violations() == []
    assert page.evaluate(FITS)
    assert page.evaluate(BROKEN_WORDS) == []
    page.reload()
    expect(page.locator("#suggestion-words")).to_have_text("hidden")
    for _ in range(3):
        page.keyboard.press("2")
    expect(page.get_by_role("heading", name="Nothing is left for you here")).to_be_visible()
    expect_stored(page, queue, 3)
    assert [each["blind"] for each in queue.verdicts.values()] == [True, True, True]
    opened.screenshot("done-dark-narrow")
    assert opened.violations() == []
    page.keyboard.press("u")
    expect_item(page, 2)


def test_nothing_is_lost_while_the_server_is_dead_or_the_page_reloads(visit: Start) -> None:
    opened, queue = visit(), tickets()
    page = open_queue(opened, queue)
    expect_item(page, 0)
    queue.failure = 0
    for _ in range(3):
        page.keyboard.press("1")
    expect_item(page, 3)
    expect(page.locator("#waiting")).to_contain_text("3 labels wait for the server.")
    page.keyboard.press("u")
    page.keyboard.press("4")
    expect(page.locator("#progress-count")).to_have_text("3 of 30")
    opened.screenshot("dead-server")
    assert opened.violations() == []
    page.reload()
    expect(page.locator("#state-error")).to_contain_text("The server does not answer")
    expect(page.locator("#waiting")).to_contain_text("3 labels wait for the server.")
    opened.errors.clear()  # the browser logs the failed requests
    queue.failure = None
    page.get_by_role("button", name="Try again").click()
    expect_item(page, 3)
    expect_stored(page, queue, 3)
    expect(page.locator("#waiting")).to_be_hidden()
    assert [queue.verdicts[key]["verdict"] for key in "012"] == [
        {"labels": [label]} for label in ("refund", "refund", "password")
    ]
    page.keyboard.press("u")  # the server gives the item back after a reload
    expect_item(page, 2)
    assert sorted(queue.verdicts) == ["0", "1"]


def test_two_tabs_show_different_items_and_lose_nothing(visit: Start) -> None:
    opened, queue = visit(), tickets(8)
    first = open_queue(opened, queue)
    expect_item(first, 0)
    second = opened.context.new_page()
    second.goto(first.url)
    expect_item(second, 1)
    first.bring_to_front()
    first.keyboard.press("1")
    expect_item(first, 2)
    second.bring_to_front()
    second.keyboard.press("2")
    expect_item(second, 3)
    for page, key in ((first, "1"), (second, "2")):
        page.bring_to_front()
        page.keyboard.press(key)
        page.keyboard.press(key)
    expect(first.locator("#item")).not_to_have_attribute("data-item", "2")
    expect_stored(first, queue, 6)
    assert {each["verdict"]["labels"][0] for each in queue.verdicts.values()} == {"refund", "delivery"}


@pytest.mark.parametrize(
    ("status", "words"), [(401, "The key is missing or has expired."), (404, "This does not work")]
)
def test_errors_of_the_server_are_shown(visit: Start, status: int, words: str) -> None:
    opened, queue = visit(), tickets()
    queue.failure = status
    page = open_queue(opened, queue)
    expect(page.locator("#state-error")).to_contain_text(words)
    assert (page.locator("#state-error a").count() == 1) == (status == 401)
    opened.screenshot(f"error-{status}")
    assert opened.violations() == []
    opened.errors.clear()  # the browser logs the status


def test_a_slow_server_is_waited_for(visit: Start) -> None:
    opened, queue = visit(scheme="dark"), tickets()
    waiting: list[Any] = []
    opened.context.route(re.compile(r"/items\.json"), lambda route: waiting.append(route))
    page = opened.open("/ui/review/file%3Afake")
    expect(page.locator("#state-loading")).to_have_text("Loading the next items …")
    page.keyboard.press("1")
    opened.screenshot("loading-dark")
    assert opened.violations() == []
    queue.answer(waiting.pop())
    expect_item(page, 0)


def test_a_refused_label_brings_its_item_back(visit: Start) -> None:
    opened, queue = visit(), tickets(3)
    queue.refused["0"] = "the label is not one of the model"
    page = open_queue(opened, queue)
    page.keyboard.press("1")
    expect(page.locator("#toasts")).to_contain_text("the label is not one of the model")
    queue.refused.clear()
    page.keyboard.press("1")
    expect_item(page, 0)
    page.keyboard.press("2")
    expect_item(page, 2)
    expect_stored(page, queue, 2)


def test_hundreds_of_labels_are_searched_and_hostile_names_are_text(visit: Start) -> None:
    hostile = ["<img src=x onerror=alert(1)>", "\"'`&quot;", "תווית \u202eevil", "x" * 500]
    labels = [f"label number {number}" for number in range(496)] + hostile
    opened, queue = visit(width=390), tickets(6, labels)
    page = open_queue(opened, queue)
    expect_item(page, 0)
    assert page.locator(".label-list button").count() == 500
    page.keyboard.press("/")
    page.keyboard.type("49 number")
    expect(page.locator(".label-list li:visible")).to_have_count(11)
    page.keyboard.press("Enter")
    expect_item(page, 1)
    for words in ("onerror", "&quot", "תווית", "xxxx"):
        page.keyboard.press("/")
        page.keyboard.type(words)
        if words == "onerror":
            opened.screenshot("labels-500-narrow")
            assert page.evaluate(FITS)
            assert opened.violations() == []
        page.keyboard.press("Enter")
    expect_item(page, 5)
    expect_stored(page, queue, 5)
    assert [each["verdict"]["labels"] for each in queue.verdicts.values()] == [
        ["label number 49"],
        *([each] for each in hostile),
    ]
    assert page.locator("main img").count() == 0


def test_several_labels_are_toggled_and_saved(visit: Start) -> None:
    opened, queue = visit(), tickets(3)
    queue.about["kind"] = "multi_label"
    page = open_queue(opened, queue)
    expect(page.locator(".label[aria-pressed=true]")).to_have_count(2)
    opened.screenshot("multi")
    page.keyboard.press("1")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator("#accept")).to_contain_text("Save: no label")
    page.locator("#accept").click()
    expect_item(page, 2)
    expect_stored(page, queue, 2)
    assert [queue.verdicts[key]["verdict"]["labels"] for key in "01"] == [["delivery", "invoice"], []]


ENTITY_TEXT = "🙂 Ada Lovelace met Charles Babbage in London on 5 June 1833."
RTL_TEXT = "פגשתי את דנה כהן בחיפה ביום שני 🙂"


def entity(text: str, words: str, label: str) -> dict[str, Any]:
    start = text.index(words)
    return {"start": start, "end": start + len(words), "label": label}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_entities_are_marked_with_keyboard_and_mouse(visit: Start, scheme: str) -> None:
    items: list[dict[str, Any]] = [
        {"text": ENTITY_TEXT, "suggestion": {"entities": [entity(ENTITY_TEXT, "London", "PLACE") | {"score": 0.93}]}},
        {"text": ENTITY_TEXT},
        {"text": RTL_TEXT},
    ]
    opened, queue = visit(scheme=scheme, width=1200), FakeReviewQueue("entities", ["PERSON", "PLACE", "DATE"], items)
    page = open_queue(opened, queue)
    expect(page.locator(".found")).to_contain_text("London")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "1"):  # 🙂, Ada, Lovelace
        page.keyboard.press(key)
    assert page.locator("mark.span").all_inner_texts() == ["Ada Lovelace", "London"]
    page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("2")
    expect(page.locator("#warning")).to_contain_text("It overlaps with “Ada Lovelace” (PERSON).")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Backspace")
    assert page.locator("mark.span").all_inner_texts() == ["Ada Lovelace"]
    select_words(page, ENTITY_TEXT, "arles Babb")
    page.keyboard.press("1")
    select_words(page, ENTITY_TEXT, "5 June 18")
    opened.screenshot(f"entities-{scheme}")
    assert opened.violations() == []
    page.get_by_role("button", name="DATE").click()
    page.keyboard.press("Enter")
    expect_item(page, 1)
    page.keyboard.press("Enter")
    expect_item(page, 2)
    for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "Shift+ArrowLeft", "1"):  # reading direction
        page.keyboard.press(key)
    opened.screenshot(f"entities-rtl-{scheme}")
    page.keyboard.press(" ")
    expect(page.locator("#state-done")).to_be_visible()
    expect_stored(page, queue, 3)
    found = [queue.verdicts[key]["verdict"]["entities"] for key in "012"]
    people = [entity(ENTITY_TEXT, name, "PERSON") for name in ("Ada Lovelace", "Charles Babbage")]
    assert found[0] == [*people, entity(ENTITY_TEXT, "5 June 1833", "DATE")]
    assert found[1:] == [[], [entity(RTL_TEXT, "דנה כהן", "PERSON")]]


PLACES = """([start, end]) => {
  const walker = document.createTreeWalker(document.querySelector("#text"), NodeFilter.SHOW_TEXT);
  const places = [];
  for (let begin = 0; walker.nextNode(); begin += walker.currentNode.data.length) {
    for (const offset of [start, end - 1]) {
      if (offset < begin || offset >= begin + walker.currentNode.data.length) continue;
      const range = document.createRange();
      range.setStart(walker.currentNode, offset - begin);
      range.setEnd(walker.currentNode, offset - begin + 1);
      const box = range.getBoundingClientRect();
      places.push([offset === start ? box.left + 1 : box.right - 1, box.top + box.height / 2]);
    }
  }
  return places;
}"""
"""Where a range of the item's text, in UTF-16 units, begins and ends on the screen."""


def select_words(page: Any, text: str, words: str) -> None:
    """Drag the mouse over words of the item's text."""
    start = len(text[: text.index(words)].encode("utf-16-le")) // 2
    begin, end = page.evaluate(PLACES, [start, start + len(words)])
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_the_answer_to_a_question_is_marked(visit: Start) -> None:
    text = "The parcel left Berlin 📦 on Monday and arrives on Thursday."
    items = [{"text": text, "second": "When does it arrive?", "suggestion": {"span": entity(text, "Monday", "")}}] * 2
    opened, queue = visit(), FakeReviewQueue("span", [], items)
    page = open_queue(opened, queue)
    assert page.locator("mark.span").all_inner_texts() == ["Monday"]
    select_words(page, text, "hursd")
    assert page.locator("mark.span").all_inner_texts() == ["Thursday"]
    opened.screenshot("span")
    assert opened.violations() == []
    page.keyboard.press("Enter")
    expect_item(page, 1)
    page.keyboard.press("0")
    expect_stored(page, queue, 2)
    wanted = {key: value for key, value in entity(text, "Thursday", "").items() if key != "label"}
    assert [queue.verdicts[key]["verdict"] for key in "01"] == [{"span": wanted}, {"span": None}]


def test_two_answers_are_compared_without_knowing_whose_they_are(visit: Start) -> None:
    items = [
        {"text": TEXTS[0], "options": [{"key": "a", "labels": ["refund"]}, {"key": "b", "labels": ["delivery"]}]}
    ] * 4
    opened, queue = visit(width=390), FakeReviewQueue("preference", LABELS, items)
    page = open_queue(opened, queue)
    expect(page.locator(".side")).to_have_text([re.compile("refund"), re.compile("delivery")])
    opened.screenshot("preference-narrow")
    assert opened.violations() == []
    assert page.evaluate(FITS)
    for key in ("b", "ArrowLeft", "3", "4"):
        page.keyboard.press(key)
    expect_stored(page, queue, 4)
    assert [each["verdict"]["option"] for each in queue.verdicts.values()] == ["b", "a", "both", "neither"]


def test_scores_are_set(visit: Start) -> None:
    opened = visit()
    queue = FakeReviewQueue("score", [], [{"text": "a", "second": "b", "suggestion": {"score": 0.7}}] * 2)
    page = open_queue(opened, queue)
    expect(page.locator(".score-value")).to_have_text("0.70")
    assert opened.violations() == []
    page.keyboard.press("Enter")
    expect_item(page, 1)
    page.keyboard.press("9")
    page.keyboard.press("ArrowRight")
    opened.screenshot("score")
    page.keyboard.press("Enter")
    expect_stored(page, queue, 2)
    assert [each["verdict"]["score"] for each in queue.verdicts.values()] == [0.7, 0.95]


def test_an_adjudicator_sees_who_said_what(visit: Start) -> None:
    opinions = [
        {"reviewer": "ann", "verdict": {"labels": ["refund"]}, "note": "asks for money"},
        {"reviewer": "<b>bob</b>", "verdict": {"labels": ["delivery"]}, "note": None},
        {"reviewer": "eve", "verdict": {"correct": False}, "note": None},
    ]
    opened, queue = visit(), FakeReviewQueue("single_label", LABELS, [{"text": TEXTS[1], "opinions": opinions}] * 3)
    page = open_queue(opened, queue)
    expect(page.locator("#opinions li")).to_have_text(
        [re.compile("ann"), re.compile("<b>bob</b>"), re.compile("wrong")]
    )
    opened.screenshot("opinions")
    assert opened.violations() == []
    page.keyboard.press("b")
    page.keyboard.press("c")  # says only that it is wrong: nothing to take
    page.keyboard.press("4")
    expect_item(page, 2)
    expect_stored(page, queue, 2)
    assert [each["verdict"]["labels"] for each in queue.verdicts.values()] == [["delivery"], ["password"]]


def test_a_long_text_keeps_the_page_fast(visit: Start) -> None:
    text = " ".join(f"word{number}" for number in range(12_000))
    opened, queue = visit(width=390), FakeReviewQueue("entities", ["A", "B"], [{"text": text}] * 2)
    page = open_queue(opened, queue)
    expect_item(page, 0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("1")
    assert page.locator("mark.span").all_inner_texts() == ["word0 word1"]
    assert page.evaluate(FITS)
    page.keyboard.press("Enter")
    expect_stored(page, queue, 1)
    assert queue.verdicts["0"]["verdict"]["entities"] == [{"start": 0, "end": 11, "label": "A"}]


QUEUES = [
    {
        "id": "period:tickets", "kind": "period", "title": "Live answers of tickets", "model": "tickets",
        "about": "logged answers of tickets, 12 to 29 November", "done": 142, "total": 300, "mine": 84,
        "sentence": "interval now ±3.1 points; about 120 more for ±2",
        "agreement": {"alpha": 0.82, "words": "good"}, "can_adjudicate": True,
    },
    {
        "id": "promotion:tickets", "kind": "promotion", "title": "Champion or challenger of tickets",
        "model": "tickets", "about": "answers on which the two versions differ", "done": 12, "total": 40, "mine": 12,
        "sentence": "no decision yet", "agreement": None, "can_adjudicate": False,
    },
    {
        "id": "file:a b/c?d", "kind": "file", "title": "<img src=x onerror=alert(1)>" + "x" * 200, "model": None,
        "about": "600 rows", "done": 600, "total": 600, "mine": 0, "sentence": "", "agreement": None,
        "can_adjudicate": False, "export": "/v1/review-files/1/export",
    },
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_queues_are_listed_as_cards(visit: Start, scheme: str, width: int) -> None:
    opened = visit(scheme=scheme, width=width)
    opened.context.route("**/ui/review/queues.json*", lambda route: route.fulfill(json={"queues": QUEUES}))
    page = opened.open("/ui/review")
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("article").first).to_contain_text("142 of 300 · 84 by you")
    assert page.locator("main img").count() == 0
    assert page.evaluate(FITS)
    opened.screenshot(f"list-{scheme}")
    assert opened.violations() == []
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Live answers of tickets").focus()
    address = page.get_by_role("link", name="onerror").first.get_attribute("href")
    assert address == "/ui/review/file%3Aa%20b%2Fc%3Fd"


def test_a_list_without_queues_says_what_brings_one(visit: Start) -> None:
    opened = visit(width=390)
    answers: Iterator[dict[str, Any]] = iter(
        [{"status": 500, "json": {"detail": "the store cannot be read"}}, {"json": {"queues": []}}]
    )
    opened.context.route("**/ui/review/queues.json*", lambda route: route.fulfill(**next(answers)))
    page = opened.open("/ui/review")
    expect(page.locator(".problem")).to_contain_text("The store cannot be read")
    opened.errors.clear()  # the browser logs the 500
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#none")).to_contain_text("glossator review tasks MODEL")
    opened.screenshot("list-empty-narrow")
    assert opened.violations() == []
    assert page.evaluate(FITS)
    page.get_by_role("link", name="Label a file").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Label a file")
    expect(page.locator("#labels-box")).to_be_hidden()
    page.select_option("#suggestions", "none")
    expect(page.locator("#labels-box")).to_be_visible()
    assert "model:intents" in page.locator("#suggestions option").evaluate_all("all => all.map((each) => each.value)")
    opened.screenshot("new-file-narrow")
    assert opened.violations() == []


def test_a_file_is_uploaded_labelled_and_downloaded(visit: Start) -> None:
    """With the real routes."""
    rows = ["the money is gone", "no parcel yet 🙂", "the parcel and the money", "something else"]
    opened = visit()
    page = opened.open("/ui/review/files/new")
    content = "text\n" + "".join(f"{row}\n" for row in rows)
    page.set_input_files("#file", {"name": "tickets.csv", "mimeType": "text/csv", "buffer": content.encode()})
    page.fill("#title", "Tickets <b>")
    page.get_by_role("button", name="Make the queue").click()
    expect(page.locator("#text")).to_have_text(rows[0])
    expect(page.locator("h1")).to_have_text("Tickets <b>")
    expect(page.locator("#suggestion-words")).to_have_text("refund")
    page.keyboard.press("Enter")
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    page.locator(".label", has_text="delivery").click()
    page.keyboard.press("s")
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_have_text("Saved")
    page.reload()
    expect(page.locator("#text")).to_have_text(rows[3])
    page.keyboard.press("u")
    expect(page.locator("#text")).to_have_text(rows[2])
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#state-done")).to_be_visible()
    expect(page.locator("#saved")).to_have_text("Saved")
    with page.expect_download() as download:
        page.locator("#export").click()
    found = [json.loads(line) for line in Path(download.value.path()).read_text("utf-8").splitlines()]
    assert [each["text"] for each in found] == rows
    page.get_by_role("link", name="All queues").click()
    expect(page.locator("article")).to_contain_text("4 of 4")
    assert opened.violations() == []
