from __future__ import annotations

import json
from pathlib import Path

from glossator.training.corpus.reading.annotated.prodigy import read_prodigy_rows
from glossator.training.corpus.reading.annotated.result import AnnotatedRows, AnnotationOptions
from glossator.training.corpus.row import Row, SourceRow, reject_reason
from tests.training.corpus.reading.annotated.read_source import entities, finding_counts, read_source, reject_reasons

OPTIONS = {"options": [{"id": "delivery", "text": "Delivery"}, {"id": "refund", "text": "Refund"}]}


def read(*fields: dict[str, object], annotator: str | None = None) -> tuple[AnnotatedRows, list[Row]]:
    rows = [
        SourceRow(number, {"text": f"text {number}", "_input_hash": number} | each)
        for number, each in enumerate(fields, start=1)
    ]
    read = read_prodigy_rows(rows, AnnotationOptions(annotator=annotator))
    return read, list(read.rows)


def labels(rows: list[Row]) -> list[object]:
    return [row.fields["label"] if row.error is None else reject_reason(row.error)[0] for row in rows]


def test_the_chosen_option_is_the_label() -> None:
    _, rows = read(
        {**OPTIONS, "accept": ["delivery"], "answer": "accept"}, {**OPTIONS, "accept": ["refund"], "answer": "accept"}
    )
    assert labels(rows) == ["delivery", "refund"]


def test_options_are_lists_if_any_row_has_several_or_none() -> None:
    _, rows = read(
        {**OPTIONS, "accept": ["delivery"], "answer": "accept"},
        {**OPTIONS, "accept": ["delivery", "refund"], "answer": "accept"},
        {**OPTIONS, "accept": [], "answer": "accept"},
    )
    assert labels(rows) == [["delivery"], ["delivery", "refund"], []]
    multiple = {"config": {"choice_style": "multiple"}}
    assert labels(read({**OPTIONS, **multiple, "accept": ["refund"], "answer": "accept"})[1]) == [["refund"]]


def test_a_rejected_annotation_of_options_or_spans_is_left_out() -> None:
    spans = [{"start": 0, "end": 4, "label": "X"}]
    _, rows = read({**OPTIONS, "accept": ["refund"], "answer": "reject"}, {"spans": spans, "answer": "reject"})
    assert labels(rows) == ["not-accepted", "not-accepted"]


def test_ignored_rows_are_a_finding() -> None:
    found, rows = read({"label": "late", "answer": "ignore"}, {"label": "late", "answer": "accept"})
    assert labels(rows) == ["ignored-by-annotator", "late"]
    assert [(each.name, each.count) for each in found.findings] == [("ignored-by-annotators", 1)]


def test_one_label_that_was_accepted_or_rejected_is_yes_or_no(tmp_path: Path) -> None:
    lines = [
        {"text": f"the parcel number {number} of many", "label": "LATE", "_input_hash": number, "answer": answer}
        for number, answer in enumerate(["accept", "reject"] * 6)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    corpus = read_source(tmp_path / "a.jsonl")
    assert corpus.problem_type == "single_label_classification"
    assert corpus.labels[:2] == [("LATE",), ("not LATE",)]
    assert corpus.label_counts() == {"LATE": 6, "not LATE": 6}


def test_a_text_that_was_asked_about_several_labels_has_those_that_were_accepted() -> None:
    found, rows = read(
        {"text": "one", "label": "late", "answer": "accept"},
        {"text": "one", "label": "broken", "answer": "accept"},
        {"text": "two", "label": "late", "answer": "reject"},
        {"text": "two", "label": "broken", "answer": "accept"},
        {"text": "three", "label": "late", "answer": "reject"},
        {"text": "three", "label": "broken", "answer": "reject"},
    )
    assert [(row.fields["text"], row.fields["label"]) for row in rows] == [
        ("one", ["late", "broken"]), ("two", ["broken"]), ("three", []),
    ]  # fmt: skip
    assert found.decisions[0].chosen == "any number"


def test_a_reject_of_one_of_several_labels_does_not_say_the_label() -> None:
    _, rows = read({"label": "late", "answer": "accept"}, {"label": "broken", "answer": "reject"})
    assert labels(rows) == ["late", "label-rejected"]


def test_annotators_that_disagree_are_a_finding_with_a_rule(tmp_path: Path) -> None:
    span = {"start": 0, "end": 3, "label": "PER"}
    lines = [
        {"text": f"Ada number {number}", "_input_hash": number, "spans": [span] if keep else [], "answer": "accept",
         "_annotator_id": who}
        for number in range(3)
        for who, keep in (("ann", True), ("bob", number > 0))
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    corpus = read_source(tmp_path / "a.jsonl")
    assert entities(corpus) == [[("Ada", "PER")]] * 3
    assert finding_counts(corpus)["annotators-disagree"] == 1
    assert entities(read_source(tmp_path / "a.jsonl", annotator="bob")) == [[], [("Ada", "PER")], [("Ada", "PER")]]


def test_rows_of_other_tools_are_unchanged(tmp_path: Path) -> None:
    lines = [{"text": "a b", "answer": "reject", "topic": "x"}, {"text": "c d", "answer": "yes", "topic": "y"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    corpus = read_source(tmp_path / "a.jsonl", label_column="topic")
    assert (corpus.labels, reject_reasons(corpus)) == ([("x",), ("y",)], [])
