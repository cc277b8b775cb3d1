"""Tasks go to files of three kinds, and answers come back: from JSON lines, Label Studio and Prodigy."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from review_periods import make_period, ticket

from glossator.service.errors import ConfigError, FileMissing
from glossator.service.reviews.formats.label_studio import label_studio_task, labelling_config, read_annotations
from glossator.service.reviews.formats.prodigy import prodigy_task, read_answer
from glossator.service.reviews.formats.review_files import (
    check_format,
    import_file,
    read_rows,
    recognised_format,
    write_tasks,
)
from glossator.service.reviews.records import Item, Period, Review, Scheme
from glossator.service.reviews.review_rows import read_review
from glossator.service.reviews.store import ReviewStore
from glossator.service.reviews.tasks import adjudication_tasks, review_tasks, task_of

with warnings.catch_warnings():  # the SDK still speaks pydantic's first version
    warnings.simplefilter("ignore", DeprecationWarning)
    from label_studio_sdk.label_interface import LabelInterface

FACE = "\N{WINKING FACE}"
NER_TEXT = f"{FACE} Ann met Bob"
ENTITIES = [
    {"start": 2, "end": 5, "label": "PER", "score": 0.9},
    {"start": 10, "end": 13, "label": "PER", "score": 0.8},
]


def without_labels(number: int, **more: Any) -> dict[str, Any]:
    fields = ticket(number)
    del fields["labels"], fields["scores"]
    return fields | more


def entity_records() -> list[dict[str, Any]]:
    return [
        without_labels(n, text=NER_TEXT, labels=["PER"], entities=ENTITIES, offset_unit="codepoint") for n in range(9)
    ]


def span_records() -> list[dict[str, Any]]:
    span = {"start": 2, "end": 5, "score": 0.7}
    return [without_labels(n, text="Who?", second=NER_TEXT, span=span, offset_unit="codepoint") for n in range(9)]


def annotated(task: dict[str, Any], result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A task as Label Studio exports it (JSON)."""
    annotation = {
        "id": 7,
        "completed_by": {"id": 1, "email": "ann@example.org"},
        "result": result,
        "was_cancelled": False,
        "lead_time": 3.25,
        "created_at": "2026-01-05T10:00:00.000000Z",
        "updated_at": "2026-01-05T10:00:09.000000Z",
    }
    return {"id": 1, "data": task["data"], "annotations": [annotation | more], "predictions": task["predictions"]}


def is_accepted(task: dict[str, Any] | None, config: str) -> bool:
    """Whether Label Studio's own reader of a labelling interface accepts a task and its predictions."""
    assert task is not None
    interface = LabelInterface(config)
    shown = interface.validate_task({"data": task["data"]})
    return shown and all(interface.validate_prediction(each) for each in task["predictions"])


def choices(*labels: str) -> dict[str, Any]:
    return {"id": "x", "from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def region(start: int, end: int, text: str, label: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"id": "x", "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def only_review(row: dict[str, Any], period: Period) -> Review:
    faults: list[str] = []
    ((_, plain),) = read_rows([(1, row)], period, faults)
    assert not faults
    review = read_review(plain, period, range(len(period.items)), "reviewer", labels=period.scheme.labels or None)
    assert review is not None
    return review


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


# Label Studio


def test_label_studio_accepts_the_tasks_of_one_label(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log)
    tasks = [label_studio_task(each, period) for each in review_tasks(sqlite_store, log, period)]
    for task in tasks:
        assert is_accepted(task, labelling_config(period.scheme))
        assert task is not None
        assert set(task["data"]) == {"text", "period", "item", "sha256"}
    assert not is_accepted(tasks[0], labelling_config(Scheme("label", ("other",))))
    assert not is_accepted(tasks[0], labelling_config(period.scheme, pairs=True))


def test_a_file_of_label_studio_is_read_once(sqlite_store: ReviewStore, log: Path, tmp_path: Path) -> None:
    period = make_period(sqlite_store, log)
    path = tmp_path / "tasks.json"
    written = write_tasks(str(path), review_tasks(sqlite_store, log, period), period, "label-studio")
    tasks = json.loads(path.read_text())
    assert written.tasks == len(tasks) == len(set(sqlite_store.draws(period.id)))
    export = [annotated(task, [choices("login")]) for task in tasks[:-1]] + tasks[-1:]
    export[0] = annotated(tasks[0], [], was_cancelled=True)
    export[1]["annotations"].append(
        {"completed_by": 4, "result": [choices("billing"), {"type": "textarea", "value": {"text": ["hm"]}}]}
    )
    done = import_file(sqlite_store, write_json(tmp_path / "export.json", export), period, "somebody")
    assert (done.rows, done.new, done.known, done.faults) == (len(tasks), len(tasks), 0, [])
    again = import_file(sqlite_store, tmp_path / "export.json", period, "somebody")
    assert (again.new, again.known) == (0, len(tasks))
    answers = sqlite_store.answers(period.id)
    assert answers[tasks[0]["data"]["item"]][0].verdict == "skipped"
    first, second = answers[tasks[1]["data"]["item"]]
    assert (first.reviewer, first.seconds, first.gold) == ("ann@example.org", 3.25, {"labels": ["login"]})
    assert (second.reviewer, second.comment, second.gold) == ("4", "hm", {"labels": ["billing"]})
    assert first.made == pytest.approx(1_767_607_209.0)
    assert tasks[-1]["data"]["item"] not in answers
    for item, found in answers.items():
        if found[0].verdict != "skipped":
            assert found[0].verdict == ("right" if period.items[item].labels == ["login"] else "wrong")


def test_entities_of_label_studio_count_as_its_page_does(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, entity_records(), draws=3)
    task = label_studio_task(next(review_tasks(sqlite_store, log, period)), period)
    assert task is not None
    assert is_accepted(task, labelling_config(period.scheme))
    first, second = task["predictions"][0]["result"]
    assert (first["value"]["start"], second["value"]["start"]) == (3, 11)  # the face is two units
    review = only_review(annotated(task, [first, second]), period)
    assert review.verdict == "right"
    assert review.gold == {"entities": [{name: each[name] for name in ("start", "end", "label")} for each in ENTITIES]}
    other = only_review(annotated(task, [region(3, 6, "Ann", "PER")]), period)
    assert (other.verdict, other.gold) == ("wrong", {"entities": [{"start": 2, "end": 5, "label": "PER"}]})
    in_code_points = only_review(annotated(task, [region(2, 5, "Ann", "PER")]), period)
    assert in_code_points.gold == other.gold
    (fault,) = read_annotations(annotated(task, [region(3, 6, "Eve", "PER")]), period)
    assert str(fault) == "the text from 3 to 6 is not what the annotation says"
    assert only_review(annotated(task, []), period).gold == {"entities": []}


def test_spans_of_label_studio_are_those_of_the_context(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, span_records(), draws=3)
    config = labelling_config(period.scheme)
    task = label_studio_task(next(review_tasks(sqlite_store, log, period)), period)
    assert task is not None
    assert is_accepted(task, config)
    assert period.scheme == Scheme("span")
    assert only_review(annotated(task, task["predictions"][0]["result"]), period).verdict == "right"
    nothing = only_review(annotated(task, []), period)
    assert (nothing.verdict, nothing.gold) == ("wrong", {"span": None})
    two = annotated(task, [region(3, 6, "Ann", "answer"), region(11, 14, "Bob", "answer")])
    assert [str(each) for each in read_annotations(two, period)] == ["2 spans are marked, expected one at most"]


@pytest.mark.parametrize(
    ("scheme", "label", "said"),
    [
        (Scheme("label", ("a", "b")), "b", {"gold_labels": ["b"]}),
        (Scheme("labels", ("a", "b")), {"choices": ["a", "b"]}, {"gold_labels": ["a", "b"]}),
        (Scheme("labels", ("a", "b")), None, {"gold_labels": []}),
        (
            Scheme("entities", ("PER",)),
            [{"start": 3, "end": 6, "text": "Ann", "labels": ["PER"]}],
            {"gold_entities": [{"start": 2, "end": 5, "label": "PER"}]},
        ),
    ],
)
def test_json_min_is_read(scheme: Scheme, label: object, said: dict[str, Any]) -> None:
    served = {"entities": []} if scheme.kind == "entities" else {"labels": ["a"]}
    period = Period("period_x", "m", "d", "", "", 0.0, 10, 20, [Item("r", 0, "", served, 0.5)], scheme)
    row = {
        "id": 1, "annotation_id": 2, "annotator": 3, "lead_time": 1.5, "updated_at": "2026-01-05T10:00:00Z",
        "period": "period_x", "item": 0, "text": NER_TEXT, "label": label,
    }  # fmt: skip
    ((_, found),) = read_rows([(1, row)], period, [])
    assert (found["reviewer"], found["seconds"]) == ("3", 1.5)
    assert {name: value for name, value in found.items() if name.startswith("gold")} == said


# Prodigy


def test_options_of_prodigy_go_out_and_come_back(sqlite_store: ReviewStore, log: Path, tmp_path: Path) -> None:
    period = make_period(sqlite_store, log)
    path = tmp_path / "tasks.jsonl"
    write_tasks(str(path), review_tasks(sqlite_store, log, period), period, "prodigy")
    tasks = [json.loads(line) for line in path.read_text().splitlines()]
    assert tasks[0]["options"] == [{"id": each, "text": each} for each in period.scheme.labels]
    assert tasks[0]["config"] == {"choice_style": "single"}
    answers = ["accept", "reject", "ignore", "accept"]
    rows = [
        task | {"answer": answer, "_annotator_id": "ann", "_timestamp": 1_767_607_209}
        for task, answer in zip(tasks, answers, strict=False)
    ]
    rows[3]["accept"] = ["login"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows + tasks[4:]))
    done = import_file(sqlite_store, path, period, "somebody")
    assert (done.new, done.faults) == (4, [])
    reviews = [sqlite_store.reviews(period.id)[row["meta"]["item"]] for row in rows]
    assert [each.verdict for each in reviews[:3]] == ["right", "wrong", "skipped"]
    assert (reviews[3].gold, reviews[3].reviewer, reviews[3].made) == ({"labels": ["login"]}, "ann", 1_767_607_209.0)


def test_spans_of_prodigy_count_code_points(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, entity_records(), draws=3)
    task = prodigy_task(next(review_tasks(sqlite_store, log, period)), period)
    assert task is not None
    assert only_review(task | {"answer": "accept"}, period).verdict == "right"
    wrong = only_review(task | {"answer": "accept", "spans": task["spans"][:1]}, period)
    assert wrong.gold == {"entities": [{"start": 2, "end": 5, "label": "PER"}]}


def test_the_context_is_the_text_of_prodigy(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log, span_records(), draws=3)
    task = prodigy_task(next(review_tasks(sqlite_store, log, period)), period)
    assert task is not None
    assert (task["text"], task["meta"]["first"]) == (NER_TEXT, "Who?")
    assert only_review(task | {"answer": "accept"}, period).verdict == "right"
    assert only_review(task | {"answer": "accept", "spans": []}, period).gold == {"span": None}


# All of them


def test_rows_that_cannot_be_used_have_numbers_and_the_others_count(
    sqlite_store: ReviewStore, log: Path, tmp_path: Path
) -> None:
    period = make_period(sqlite_store, log)
    tasks = list(review_tasks(sqlite_store, log, period))
    studio = label_studio_task(tasks[3], period)
    assert studio is not None
    rows = [
        tasks[0] | {"correct": True},
        tasks[1] | {"gold_labels": ["refunds"]},
        tasks[2] | {"period": "period_old", "correct": True},
        tasks[2] | {"item": 999, "correct": True},
        tasks[2] | {"correct": "yes"},
        tasks[2] | {"correct": True, "seconds": -1},
        tasks[2] | {"correct": True, "made": "yesterday"},
        tasks[2] | {"gold_labels": ["billing", "login"]},
        annotated(studio, [choices("login")]),
        annotated(studio, [], completed_by=9),
        annotated(studio, [{"value": 3}], completed_by=9),
        {"text": "x", "answer": "accept"},
        {"text": "x", "answer": "accept", "meta": {"period": period.id, "item": tasks[4]["item"]}},
        tasks[5] | {"skip": True, "comment": "x" * 10_001},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{damaged\n")
    done = import_file(sqlite_store, path, period, "ann")
    assert (done.rows, done.new) == (len(rows) + 1, 2)
    assert [fault.partition(":")[0] for fault in done.faults] == [
        f"row {n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15)
    ]
    messages = dict(fault.split(": ", 1) for fault in done.faults)
    assert messages["row 2"] == "unknown label refunds; known: billing, delivery, login"
    assert messages["row 3"] == "it belongs to another period (period_old)"
    assert messages["row 4"] == "item 999 was not drawn"
    assert messages["row 8"] == "gold_labels has 2 labels, expected one"
    assert messages["row 10"] == "no label was chosen"
    assert messages["row 11"] == "an annotation is not in the form of Label Studio"
    assert messages["row 12"] == "it has no meta with the period and the item"
    assert messages["row 13"] == "it is accepted, but has no list of accepted options"
    assert import_file(sqlite_store, path, period, "ann", new_labels=True).new == 1


def test_a_table_that_a_person_filled_in_is_read(sqlite_store: ReviewStore, log: Path, tmp_path: Path) -> None:
    period = make_period(sqlite_store, log)
    items = list(dict.fromkeys(sqlite_store.draws(period.id)))
    cells = ["TRUE,,,", "false,,,4.5", ",login,,", ',"[""billing""]",,', ",,true,", "perhaps,,,", ",,,"]
    rows = [f"{period.id},{item},{said}" for item, said in zip(items, cells, strict=False)]
    path = tmp_path / "done.csv"
    path.write_text("period,item,correct,gold_labels,skip,seconds\n" + "\n".join(rows) + "\n")
    done = import_file(sqlite_store, path, period, "ann")
    assert (done.new, done.faults) == (5, ['row 6: correct is "perhaps", expected true or false'])
    found = [sqlite_store.reviews(period.id)[item] for item in items[:5]]
    assert [each.verdict for each in found[:2]] == ["right", "wrong"]
    assert (found[1].seconds, found[2].gold, found[3].gold) == (4.5, {"labels": ["login"]}, {"labels": ["billing"]})
    assert found[4].verdict == "skipped"


def test_tasks_without_a_text_are_left_out_for_tools_that_show_it(
    sqlite_store: ReviewStore, log: Path, tmp_path: Path
) -> None:
    records = [ticket(n) for n in range(9)]
    for record in records[:5]:
        del record["text"]
    period = make_period(sqlite_store, log, records, draws=30)
    drawn = set(sqlite_store.draws(period.id))
    hidden = len(drawn & set(range(5)))
    for kind in ("label-studio", "prodigy"):
        path = str(tmp_path / kind)
        written = write_tasks(path, review_tasks(sqlite_store, log, period), period, kind)  # type: ignore[arg-type]
        assert written == (len(drawn) - hidden, hidden)
    assert write_tasks(str(tmp_path / "x"), review_tasks(sqlite_store, log, period), period, "jsonl") == (
        len(drawn),
        hidden,
    )


def test_blind_tasks_show_no_answer(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log)
    task = next(review_tasks(sqlite_store, log, period, blind=True))
    assert set(task) == {"period", "item", "sha256", "text", "correct"}
    studio, prodigy = label_studio_task(task, period), prodigy_task(task, period)
    assert studio is not None
    assert prodigy is not None
    assert (studio["predictions"], prodigy["accept"]) == ([], [])
    assert only_review(task | {"gold_labels": list(period.items[task["item"]].labels)}, period).verdict == "right"


def test_adjudicators_see_what_reviewers_said(sqlite_store: ReviewStore, log: Path) -> None:
    period = make_period(sqlite_store, log)
    item = sqlite_store.draws(period.id)[0]
    sqlite_store.add_reviews(
        period.id, [Review(item, "right", "ann"), Review(item, "wrong", "bob", {"labels": ["login"]}, "see line 2")]
    )
    (task,) = adjudication_tasks(sqlite_store, log, period)
    studio = label_studio_task(task, period)
    assert studio is not None
    assert studio["data"]["reviews"] == "ann: right\nbob: wrong, ['login'] (see line 2)"
    assert is_accepted(studio, labelling_config(period.scheme, adjudication=True))
    prodigy = prodigy_task(task, period)
    assert prodigy is not None
    assert prodigy["meta"]["reviews"][1]["gold_labels"] == ["login"]


def test_offsets_of_the_log_become_code_points_if_the_text_is_known(sqlite_store: ReviewStore, log: Path) -> None:
    units = [each | {"start": each["start"] + 1, "end": each["end"] + 1} for each in ENTITIES]
    known = without_labels(0, text=NER_TEXT, labels=["PER"], entities=units, offset_unit="utf16")
    unknown = without_labels(1, labels=["PER"], entities=units, offset_unit="utf16")
    del unknown["text"]
    period = make_period(sqlite_store, log, [known, unknown], draws=1)
    assert period.items[0].served["entities"] == ENTITIES
    assert period.items[1].served["entities"] == units
    assert task_of(period, 1, {})["offset_unit"] == "utf16"
    assert "offset_unit" not in task_of(period, 0, {})


def test_an_unknown_format_and_a_missing_file_are_errors(sqlite_store: ReviewStore, log: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown format of reviews"):
        check_format("doccano")
    period = make_period(sqlite_store, log)
    with pytest.raises(FileMissing):
        import_file(sqlite_store, tmp_path / "none.jsonl", period, "ann")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 40) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "period", "item", "correct", "skip", "gold_labels", "gold_entities", "gold_span", "comment", "reviewer", "seconds",
    "made", "text", "second", "data", "annotations", "annotation_id", "label", "answer", "meta", "accept", "spans",
)  # fmt: skip


def valid(period: Period) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Rows that belong to the period, so that the rest of them is read."""
    own = {"period": period.id, "item": 0}
    return lambda row: row | own | ({"meta": own} if "answer" in row else {}) | ({"data": own} if "data" in row else {})


@given(st.data())
@settings(max_examples=examples(60), deadline=None)
def test_no_row_breaks_a_reader(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["label", "labels", "entities", "span"]))
    served: dict[str, Any] = (
        {"entities": []} if kind == "entities" else {"span": None} if kind == "span" else {"labels": []}
    )
    period = Period("p", "m", "d", "", "", 0.0, 10, 20, [Item("r", 0, "", served, 0.5)], Scheme(kind, ("a",)))  # type: ignore[arg-type]
    annotation = st.fixed_dictionaries({"result": st.lists(st.fixed_dictionaries({"value": JSON}), max_size=2)})
    fields = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(valid(period))
    row = data.draw(
        fields
        | fields.map(lambda each: each | {"answer": "accept"}).map(valid(period))
        | st.builds(lambda each, found: each | {"data": {}, "annotations": found}, fields, st.lists(annotation)).map(
            valid(period)
        )
    )
    faults: list[str] = []
    for _, plain in read_rows([(1, row)], period, faults):
        with suppress(ValueError):
            review = read_review(plain, period, {0}, "ann")
            assert review is None or review.verdict in ("right", "wrong", "skipped")
    assert recognised_format(row) in ("jsonl", "label-studio", "prodigy")
    assert read_answer({}, period)
