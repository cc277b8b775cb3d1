"""Every output format is read by the tool that it is for, or by another independent reader."""

from __future__ import annotations

import base64
import datetime
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from glossator.service.documents.row_formats import Row
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError
from glossator.service.inference.answer_forms.answer_cells import LABEL, LABELS
from glossator.service.labelling.column_plan import ColumnPlan
from glossator.service.labelling.outputs.conll import tag_tokens
from glossator.service.labelling.outputs.output_formats import NAMED_FORMATS, SUFFIXES, create_output_format

OURS = {"_status": "ok", "_error": "", "_model": "m@1", "_tokens": 3, "_windows": 1, "_truncated": False}
ENTITIES = SimpleNamespace(task="token-classification")


def classes(problem: str) -> Any:
    from glossator.service.bundle.task import TextClassification

    return TextClassification.model_construct(problem_type=problem, labels=("a", "b"), task="text-classification")


def columns(answers: tuple[str, ...], prefix: str = "", original: tuple[str, ...] = ("text", "n")) -> ColumnPlan:
    return ColumnPlan("text", "by its name", original, prefix, answers)


def row(number: int, text: object, prefix: str = "", **answer: object) -> dict[str, object]:
    ours = OURS | {"_row_id": number} | answer
    return {"text": text, "n": number, **{f"{prefix}{name}": value for name, value in ours.items()}}


SINGLE, SPANS = ("label", "score"), ("entities",)


def failed(number: int, answers: tuple[str, ...] = SINGLE) -> dict[str, object]:
    none = dict.fromkeys((*answers, "_tokens", "_windows", "_truncated"))
    return row(number, None, **none, _status="error", _error="empty-text: line 2: 'text' is null")


CLASSES = classes("single_label_classification")
Whole = Callable[..., bytes]


@pytest.fixture
def whole(tmp_path: Path) -> Whole:
    def call(path: str, named: str | None, columns: ColumnPlan, task: Any, parts: list[list[Row]]) -> bytes:
        row_format, _ = create_output_format(path, named, columns, task)
        files = []
        for index, rows in enumerate(parts):
            files.append(tmp_path / f"{index}.part")
            files[-1].write_bytes(row_format.encode(rows))
        found: list[bytes] = []
        row_format.join(files, found.append)
        return b"".join(found)

    return call


def entity(start: int, end: int, text: str, label: str = "place") -> dict[str, object]:
    return {"start": start, "end": end, "text": text[start:end], "label": label, "score": 0.5}


def test_label_studio_gets_tasks_with_predictions(whole: Whole) -> None:
    last = row(2, "two", label=None, score=0.4)
    parts: list[list[Row]] = [[row(0, "one", label="a", score=0.9), failed(1)], [], [last]]
    data = whole("out.json", "label-studio", columns(LABEL), CLASSES, parts)
    tasks = json.loads(data)
    assert [task["data"] for task in tasks] == [
        {"text": "one", "n": 0},
        {"text": None, "n": 1},
        {"text": "two", "n": 2},
    ]
    assert tasks[0]["predictions"] == [
        {
            "model_version": "m@1",
            "score": 0.9,
            "result": [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}}],
        }
    ]
    assert tasks[1]["predictions"] == []
    assert tasks[1]["meta"]["error"].startswith("empty-text")
    assert tasks[2]["predictions"][0]["result"] == []
    assert json.loads(whole("out.json", "label-studio", columns(LABEL), CLASSES, [])) == []


def test_label_studio_gets_spans(whole: Whole) -> None:
    text = "to New York"
    place = entity(3, 11, text)
    data = whole("x", "label-studio", columns(SPANS), ENTITIES, [[row(0, text, entities=[place])]])
    (result,) = json.loads(data)[0]["predictions"][0]["result"]
    assert result["value"] == {"start": 3, "end": 11, "text": "New York", "labels": ["place"]}


def test_prodigy_gets_options_or_spans(whole: Whole) -> None:
    rows: list[Row] = [row(0, "one", labels=["a", "b"], score=0.9), failed(1)]
    data = whole("out.jsonl", "prodigy", columns(LABELS), classes("multi_label_classification"), [rows])
    first, second = [json.loads(line) for line in data.splitlines()]
    assert (first["text"], first["accept"]) == ("one", ["a", "b"])
    assert first["meta"] == {"n": 0, "row_id": 0, "model": "m@1", "score": 0.9}
    assert (second["text"], second["accept"]) == ("", [])
    assert second["meta"]["error"].startswith("empty-text")
    data = whole("x", "prodigy", columns(SPANS), ENTITIES, [[row(0, "at sea", entities=[entity(3, 6, "at sea")])]])
    assert json.loads(data)["spans"] == [{"start": 3, "end": 6, "label": "place"}]


def test_openai_batch_lines_have_their_custom_ids(whole: Whole) -> None:
    given = columns(LABEL, original=("custom_id", "text", "n"))
    rows: list[Row] = [{"custom_id": "ticket-7", **row(0, "one", label="a", score=0.9)}, failed(1)]
    data = whole("out.jsonl", "openai-batch", given, CLASSES, [rows])
    first, second = [json.loads(line) for line in data.splitlines()]
    assert (first["custom_id"], first["error"], first["response"]["status_code"]) == ("ticket-7", None, 200)
    body = first["response"]["body"]
    assert body["results"] == [{"label": "a", "score": 0.9, "tokens": 3, "windows": 1, "truncated": False}]
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert (second["custom_id"], second["response"]) == ("row-1", None)
    assert second["error"] == {"code": "empty-text", "message": "line 2: 'text' is null"}


def test_spacy_reads_its_own_documents(whole: Whole) -> None:
    text = "to New York, at sea"
    rows: list[list[Row]] = [[row(0, text, entities=[entity(3, 11, text), entity(16, 18, text)])], [failed(1)]]
    data = whole("out.spacy", None, columns(SPANS), ENTITIES, rows)
    docs = list(DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
    assert [doc.text for doc in docs] == [text, ""]
    assert [(each.text, each.label_) for each in docs[0].ents] == [("New York", "place"), ("sea", "place")]
    assert docs[1].user_data["glossator"]["error"].startswith("empty-text")
    data = whole("out.spacy", None, columns(LABEL), CLASSES, [[row(0, "x", label="a", score=0.9)]])
    (doc,) = DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab)
    assert doc.cats == {"a": 0.9}


def test_conll_is_read_back_by_the_corpus_reader(whole: Whole) -> None:
    text = "to New York"
    parts: list[list[Row]] = [
        [row(0, text, entities=[entity(3, 11, text)])],
        [failed(1)],
        [row(2, "and\nback", entities=[])],
    ]
    data = whole("out.conll", None, columns(SPANS), ENTITIES, parts)
    assert data.decode().split("\n\n")[:-1] == [
        "# row_id = 0\n# text = to New York\nto\tO\nNew\tB-place\nYork\tI-place",
        "# row_id = 1\n# error = \"empty-text: line 2: 'text' is null\"",
        "# row_id = 2\n# text = and back\nand\tO\nback\tO",
    ]
    with open_reader("-", format="conll", stdin=io.BufferedReader(io.BytesIO(data))) as source:
        rows = list(source.annotated_records())
    assert next((each.fields["text"], each.fields["spans"]) for each in rows if each.error is None) == (
        "to New York",
        [{"start": 3, "end": 11, "label": "place"}],
    )


words = st.lists(st.sampled_from(["ab", "-", "ü", "12", " ", "  ", "x_y", "😀"]), max_size=12)


@given(words, st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=3))
def test_tags_mark_exactly_the_entities(pieces: list[str], spans: list[tuple[int, int]]) -> None:
    text = "".join(pieces)
    taken: list[dict[str, Any]] = []
    for start, length in sorted(spans):
        start = max(start, taken[-1]["end"] if taken else 0)
        if start + length <= len(text) and text[start : start + length].strip():
            taken.append({"start": start, "end": start + length, "label": "e"})
    found = tag_tokens(text, taken)
    assert "".join(token for token, _ in found) == "".join(text.split())
    assert sum(tag == "B-e" for _, tag in found) == len(taken)
    inside = "".join("".join(text[each["start"] : each["end"]].split()) for each in taken)
    assert "".join(token for token, tag in found if tag != "O") == inside


def parquet(folder: Path, parts: list[list[Row]]) -> Any:
    """The table that pyarrow reads from the parts' file."""
    row_format, _ = create_output_format("out.parquet", None, columns(LABEL), ENTITIES)  # type: ignore[arg-type]
    files = []
    for index, rows in enumerate(parts):
        files.append(folder / f"{index}.part")
        files[-1].write_bytes(row_format.encode(rows))
    with open(folder / "out.parquet", "wb") as file:
        row_format.join(files, file.write)
    return pq.read_table(folder / "out.parquet")


DAY, MOMENT = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30)


@pytest.mark.parametrize("together", [True, False], ids=["one part", "two parts"])
@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (0.5, 9007199254740993, ["0.5", "9007199254740993"]),  # 2**53 + 1: no float equals it
        (9007199254740993, 0.5, ["9007199254740993", "0.5"]),
        ([9007199254740993], [0.5], ["[9007199254740993]", "[0.5]"]),
        (9007199254740992, 0.5, [9007199254740992.0, 0.5]),
        (1, 2**64, ["1", "18446744073709551616"]),
        (1, True, ["1", "true"]),
        (Decimal("0.1"), 0.5, ["0.1", "0.5"]),
        (Decimal("0.1"), Decimal("12.34"), [Decimal("0.10"), Decimal("12.34")]),
        (Decimal("0.1"), Decimal("Infinity"), ["0.1", "Infinity"]),
        (DAY, MOMENT, ["2024-02-29", "2024-02-29T12:30:00"]),
        (MOMENT, DAY, ["2024-02-29T12:30:00", "2024-02-29"]),
        (DAY, 1, ["2024-02-29", "1"]),
        (MOMENT, MOMENT.replace(tzinfo=datetime.UTC), ["2024-02-29T12:30:00", "2024-02-29T12:30:00+00:00"]),
        ("a", b"b", ["a", "Yg=="]),
        ({}, {}, ["{}", "{}"]),  # Parquet has no object without fields
        ({"a": {}}, {"a": {}}, ['{"a": {}}', '{"a": {}}']),
        ({"a": 1}, {"a": 2, "b": "x"}, [{"a": 1, "b": None}, {"a": 2, "b": "x"}]),
        ({"a": "\ud83d"}, {"a": "b"}, ['{"a": "\\ud83d"}', '{"a": "b"}']),
        ({"a": 1}, [1], ['{"a": 1}', "[1]"]),
    ],
)
def test_parquet_loses_nothing_where_kinds_meet(
    tmp_path: Path, together: bool, first: object, second: object, found: list[object]
) -> None:
    rows: list[Row] = [{"n": first}, {"n": second}]
    table = parquet(tmp_path, [rows] if together else [rows[:1], rows[1:]])
    got = table.column("n").to_pylist()
    assert got == found
    assert [type(value) for value in got] == [type(value) for value in found]


def test_parquet_has_columns_whose_names_are_no_unicode(tmp_path: Path) -> None:
    table = parquet(tmp_path, [[{"\ud83d": 1}], [{"\ud83d": 2}]])
    assert table.column("\\ud83d").to_pylist() == [1, 2]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.integers(2**53 - 2, 2**53 + 2)
    | st.text(st.characters(), max_size=3)
)
nested = st.recursive(
    scalars.filter(lambda value: value not in (float("inf"), -float("inf"))),  # JSON has none
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=3,
)
others = (
    st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.times()
    | st.binary(max_size=3)
    | st.decimals(allow_nan=False, places=2)
)
cells = scalars | nested | others


def says(got: object, sent: object) -> bool:
    """Whether a cell read back is what was sent, or its text."""
    if sent is None or got is None:
        return sent is got
    if isinstance(sent, str):
        return got == sent.encode("utf-8", "backslashreplace").decode()
    if isinstance(got, str):
        if isinstance(sent, datetime.date | datetime.time):
            return type(sent).fromisoformat(got) == sent
        if isinstance(sent, bytes):
            return base64.b64decode(got, validate=True) == sent
        if isinstance(sent, Decimal) or sent in (float("inf"), -float("inf")):
            return Decimal(got) == sent
        got = json.loads(got)
    return _is(got, sent)


def _is(got: object, sent: object) -> bool:
    if isinstance(sent, dict):
        assert isinstance(got, dict)
        return sent.keys() <= got.keys() and all(_is(inner, sent.get(name)) for name, inner in got.items())
    if isinstance(sent, list):
        return isinstance(got, list) and len(got) == len(sent) and all(map(_is, got, sent))
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        return isinstance(got, int | float) and not isinstance(got, bool) and Decimal(got) == Decimal(sent)
    return type(got) is type(sent) and got == sent


@given(st.lists(st.lists(st.fixed_dictionaries({"text": cells, "n": cells}), max_size=4), min_size=1, max_size=4))
def test_parquet_has_every_value_whatever_kinds_meet(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[Row]]
) -> None:
    found = parquet(tmp_path_factory.mktemp("parquet"), parts).to_pylist()
    sent = [each for rows in parts for each in rows]
    assert len(found) == len(sent)
    for name in ("text", "n"):
        got, given = [each[name] for each in found], [each[name] for each in sent]
        assert all(map(says, got, given)), (got, given)
        kinds = {type(value) for value in given if value is not None}
        if len(kinds) == 1 and kinds <= {bool, float, datetime.date, datetime.time, bytes}:
            assert [value for value in got if value is not None] == [value for value in given if value is not None]


def test_a_prefix_is_removed_again(whole: Whole) -> None:
    rows: list[Row] = [row(0, "one", "p_", label="a", score=0.9) | {"label": "gold"}]
    given = columns(LABEL, "p_", ("text", "n", "label"))
    data = whole("out.jsonl", "prodigy", given, CLASSES, [rows])
    task = json.loads(data)
    assert task["accept"] == ["a"]
    assert task["meta"]["label"] == "gold"


def test_a_format_that_cannot_represent_the_task_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot represent the answers of this model") as caught:
        create_output_format("out.conll", None, columns(LABEL), CLASSES)
    assert caught.value.hint == "Write JSON Lines."


def test_formats_are_found_by_suffix_and_by_name() -> None:
    assert {kind.format for kind in SUFFIXES.values()} == {"jsonl", "csv", "tsv", "parquet", "spacy", "conll"}
    assert set(NAMED_FORMATS) == {"label-studio", "prodigy", "openai-batch"}
