from __future__ import annotations

import json
from pathlib import Path

import pytest

from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import CorpusError, GlossatorError, UnknownColumn
from tests.training.corpus.reading.annotated.read_source import (
    entities,
    finding_counts,
    read_source,
    reject_reasons,
)

TEXTS = ["Ada met Bo in Rome.", "Cy left Paris.", "Dee saw nothing."]


def region(text: str, part: str, label: str, **more: object) -> dict[str, object]:
    start = text.index(part)
    value = {"start": start, "end": start + len(part), "text": part, "labels": [label], **more}
    return {"from_name": "ner", "to_name": "text", "type": "labels", "value": value}


def choice(*labels: str, name: str = "topic") -> dict[str, object]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def task(text: str, *annotations: list[dict[str, object]], **more: object) -> dict[str, object]:
    done = [{"completed_by": place, "result": result} for place, result in enumerate(annotations, start=1)]
    return {"data": {"text": text}, "annotations": done, **more}


def write(tmp_path: Path, tasks: object) -> Path:
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    return tmp_path / "tasks.json"


SPANS = [
    task(TEXTS[0], [region(TEXTS[0], "Ada", "PER"), region(TEXTS[0], "Rome", "LOC")]),
    task(TEXTS[1], [region(TEXTS[1], "Paris", "LOC")]),
    task(TEXTS[2], []),
]


def test_spans_are_entities_and_an_empty_annotation_has_none(tmp_path: Path) -> None:
    corpus = read_source(write(tmp_path, SPANS))
    assert entities(corpus) == [[("Ada", "PER"), ("Rome", "LOC")], [("Paris", "LOC")], []]


def test_spans_and_choices_are_separate_tasks_to_choose_from(tmp_path: Path) -> None:
    tasks = [
        task(TEXTS[0], [region(TEXTS[0], "Ada", "PER"), choice("trip")]),
        task(TEXTS[1], [region(TEXTS[1], "Cy", "PER"), choice("home")]),
    ]
    path = write(tmp_path, tasks)
    corpus = read_source(path)
    assert entities(corpus) == [[("Ada", "PER")], [("Cy", "PER")]]
    assert corpus.decisions[0].message == (
        "annotations: spans of 'ner' (guessed) (2 annotations use it); runner-up: label of 'topic' (2); "
        "change with --label-column"
    )
    assert read_source(path, label_column="topic").labels == [("trip",), ("home",)]
    assert read_source(path, task="text-classification").labels == [("trip",), ("home",)]
    with pytest.raises(UnknownColumn, match="no such control"):
        read_source(path, label_column="mood")


def test_several_controls_of_choices_are_separate(tmp_path: Path) -> None:
    tasks = [task(text, [choice(name), choice("good", name="mood")]) for text, name in zip(TEXTS, "aab", strict=True)]
    path = write(tmp_path, tasks)
    assert read_source(path, label_column="topic").labels == [("a",), ("a",), ("b",)]
    assert {name for names in read_source(path, label_column="mood").labels for name in names} == {"good"}


def two_annotators() -> list[dict[str, object]]:
    tasks = [task(TEXTS[0], [choice("yes")], [choice("no")]), task(TEXTS[1], [choice("no")], [choice("no")])]
    tasks.append(task(TEXTS[2], [choice("yes")], [choice("no")], [choice("no")]))
    return tasks


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, ["yes", "no", "no"]),
        ("majority", ["yes", "no", "no"]),
        ("first", ["yes", "no", "yes"]),
        ("2", ["no"] * 3),
    ],
)
def test_annotators_that_disagree_are_a_finding_with_a_rule(
    tmp_path: Path, rule: str | None, expected: list[str]
) -> None:
    corpus = read_source(write(tmp_path, two_annotators()), **({} if rule is None else {"annotator": rule}))
    assert [names[0] for names in corpus.labels] == expected
    assert finding_counts(corpus)["annotators-disagree"] == 2
    assert any(decision.option == "--annotator" for decision in corpus.decisions)


def test_an_annotator_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumn, match="no annotation is by this annotator"):
        read_source(write(tmp_path, two_annotators()), annotator="zoe")


def test_a_text_that_the_named_annotator_did_not_see_is_rejected(tmp_path: Path) -> None:
    corpus = read_source(write(tmp_path, two_annotators()), annotator="3")
    assert (corpus.labels, reject_reasons(corpus)) == ([("no",)], ["not-annotated", "not-annotated"])


def test_the_ground_truth_wins(tmp_path: Path) -> None:
    tasks = two_annotators()
    tasks[0]["annotations"][1]["ground_truth"] = True  # type: ignore[index]
    assert [names[0] for names in read_source(write(tmp_path, tasks)).labels] == ["no", "no", "no"]


def test_offsets_are_checked_against_the_text_of_the_span_and_repaired(tmp_path: Path) -> None:
    text = "🙂 Ada met Bo and Bo."
    shifted = region(text, "Ada", "PER", start=3, end=6)  # counts UTF-16 units
    wrong = region(text, "Bo", "PER", start=0, end=2)  # "Bo" is there twice
    tasks = [task(text, [shifted]), task(text + " ", [wrong])]
    corpus = read_source(write(tmp_path, tasks))
    assert entities(corpus) == [[("Ada", "PER")]]
    assert finding_counts(corpus)["repaired-offsets"] == 1
    assert reject_reasons(corpus) == ["offsets-contradict-text"]
    assert "which the text has 2 times" in corpus.rejects[0].message


def test_tasks_without_annotations_are_rejected_with_their_reason(tmp_path: Path) -> None:
    skipped = {"data": {"text": "x"}, "annotations": [{"was_cancelled": True, "result": []}]}
    predicted = {"data": {"text": "y"}, "annotations": [], "predictions": [{"result": [choice("a")]}]}
    corpus = read_source(write(tmp_path, [*SPANS, skipped, predicted]))
    assert reject_reasons(corpus) == ["skipped-by-annotator", "not-annotated"]
    assert "predictions, which are not labels" in corpus.rejects[1].message
    with pytest.raises(CorpusError, match="no task of Label Studio has an annotation") as caught:
        read_source(write(tmp_path, [predicted]))
    assert caught.value.found == "1 tasks, 0 skipped, 1 with predictions only"


def test_results_that_are_not_read_are_counted_or_refused_by_name(tmp_path: Path) -> None:
    rating = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    tasks = [task(TEXTS[0], [region(TEXTS[0], "Ada", "PER"), rating, relation]), *SPANS[1:]]
    corpus = read_source(write(tmp_path, tasks))
    (finding,) = [each for each in corpus.findings if each.name == "annotations-left-out"]
    assert finding.count == 1
    assert finding.examples == ("1 of type 'rating'", "1 of type 'relation'")
    with pytest.raises(CorpusError, match="no annotation that can be read") as caught:
        read_source(write(tmp_path, [task(text, [rating]) for text in TEXTS]))
    assert caught.value.found == "results of type 'rating' (3)"


def test_a_choice_about_a_region_is_no_label_of_the_text(tmp_path: Path) -> None:
    about = choice("sure")
    about["value"] = {"start": 0, "end": 3, "text": "Ada", "choices": ["sure"]}
    corpus = read_source(write(tmp_path, [task(TEXTS[0], [region(TEXTS[0], "Ada", "PER"), about]), *SPANS[1:]]))
    assert entities(corpus)[0] == [("Ada", "PER")]
    assert finding_counts(corpus)["annotations-left-out"] == 1


def test_the_text_may_be_in_a_field_of_any_name(tmp_path: Path) -> None:
    tasks = []
    for each in SPANS:
        text = each["data"]["text"]  # type: ignore[index]
        tasks.append({**each, "data": {"customer": "somebody with a name", "note": text}})
    corpus = read_source(write(tmp_path, tasks))
    assert corpus.texts == TEXTS
    assert entities(corpus)[1] == [("Paris", "LOC")]


def test_the_texts_of_tasks_are_read_for_labelling(tmp_path: Path) -> None:
    with open_reader(write(tmp_path, SPANS)) as source:
        assert (source.format, source.columns) == ("label-studio", ("text",))
        assert [record.fields["text"] for record in source.records()] == TEXTS


def min_rows() -> list[dict[str, object]]:
    return [
        {"id": number, "text": text, "ner": [{"start": 0, "end": size, "text": text[:size], "labels": ["PER"]}],
         "mood": {"choices": ["good", "calm"]}, "annotator": 1, "annotation_id": number, "lead_time": 1.0}
        for number, (text, size) in enumerate(zip(TEXTS, (3, 2, 3), strict=True))
    ]  # fmt: skip


def test_spans_and_choices_of_json_min(tmp_path: Path) -> None:
    path = write(tmp_path, min_rows())
    assert entities(read_source(path)) == [[("Ada", "PER")], [("Cy", "PER")], [("Dee", "PER")]]
    assert read_source(path, label_column="mood", task="text-classification").labels == [("calm", "good")] * 3


def test_spans_of_csv(tmp_path: Path) -> None:
    lines = ["id,text,label,annotator,annotation_id"]
    for row in min_rows():
        spans = json.dumps(row["ner"]).replace('"', '""')
        lines.append(f'{row["id"]},{row["text"]},"{spans}",1,{row["id"]}')
    (tmp_path / "min.csv").write_text("\n".join(lines) + "\n")
    assert entities(read_source(tmp_path / "min.csv"))[1] == [("Cy", "PER")]


def test_annotators_of_json_min_are_rows_of_one_task(tmp_path: Path) -> None:
    rows = [
        {"id": number, "text": text, "label": label, "annotator": who, "annotation_id": 10 * number + who}
        for number, text in enumerate(TEXTS)
        for who, label in enumerate(["a", "b"] if number else ["a", "a"])
    ]
    corpus = read_source(write(tmp_path, rows), annotator="1")
    assert [names[0] for names in corpus.labels] == ["a", "b", "b"]
    assert finding_counts(corpus)["annotators-disagree"] == 2


def test_an_annotator_of_a_source_without_annotators_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nx y,a\nz w,b\n")
    with pytest.raises(GlossatorError, match="without annotators takes no --annotator"):
        read_source(tmp_path / "a.csv", annotator="first")
