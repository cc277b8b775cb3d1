from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.row_writer import open_row_writer
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.errors import ConfigError, InferenceError, InputError, OutputError
from glossator.service.inference.answer_forms.answer_cells import LABEL, LABELS, join_labels
from glossator.service.inference.encoding import check_text
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.column_plan import plan_columns
from glossator.service.labelling.destination import StreamDestination
from glossator.service.labelling.row_labelling import StartAnswers, label_rows
from glossator.service.labelling.summary import LabelSummary
from glossator.service.tasks.text_classification import Classification, Score

MODEL = "length@0123456789ab"


class ImmediateAnswers:
    """Answers that need no computation."""

    def __init__(self, answers: Sequence[Answer | InputError]) -> None:
        self._answers = answers

    def result(self) -> Sequence[Answer | InputError]:
        return self._answers


class LengthModel:
    """Labels a text by the parity of its length, and records its calls."""

    def __init__(self, *, multi_label: bool = False) -> None:
        self.calls: list[list[str | InputError]] = []
        self._multi_label = multi_label

    def __call__(self, texts: Sequence[str | InputError]) -> ImmediateAnswers:
        self.calls.append(list(texts))
        return ImmediateAnswers([self._answer(text) if isinstance(text, str) else text for text in texts])

    def _answer(self, text: str) -> Answer | InputError:
        try:
            check_text(text)
        except InputError as error:
            return error
        labels = ("even", "odd") if len(text) % 2 == 0 else ("odd", "even")
        given = tuple(name for name in ("a|b", "long") if len(text) > 3) if self._multi_label else labels[:1]
        scores = (Score(labels[0], 0.75), Score(labels[1], 0.25))
        return Answer(Classification(given, scores), tokens=len(text), windows=1 + len(text) // 10, truncated=False)


def label_bytes(
    data: bytes | str,
    format: str,
    output: str,
    *,
    model: StartAnswers | None = None,
    text_column: str | None = None,
    multi_label: bool = False,
    prefix: str = "",
    chunk_rows: int = 1024,
    progress: Callable[[LabelSummary], None] | None = None,
) -> tuple[str, LabelSummary]:
    """Return the output as text, and the summary."""
    stdin = io.BufferedReader(io.BytesIO(data.encode() if isinstance(data, str) else data))
    stdout = io.BytesIO()
    with open_reader("-", format=format, stdin=stdin) as source:
        columns = plan_columns(
            source.columns, text_column=text_column, answers=LABELS if multi_label else LABEL, prefix=prefix
        )
        with open_row_writer("-", columns.all, format=output, stdout=stdout) as writer:
            summary = label_rows(
                source,
                StreamDestination(writer),
                model or LengthModel(multi_label=multi_label),
                columns=columns,
                model=MODEL,
                chunk_rows=chunk_rows,
                progress=progress,
            )
    return stdout.getvalue().decode(), summary


def json_rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.split("\n")[:-1]]


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_has_the_original_columns_then_the_answer() -> None:
    text, _ = label_bytes("id,text\n1,four\n", "csv", "jsonl")
    assert list(json_rows(text)[0].items()) == [
        ("id", "1"),
        ("text", "four"),
        ("label", "even"),
        ("score", 0.75),
        ("_row_id", 0),
        ("_status", "ok"),
        ("_error", ""),
        ("_model", MODEL),
        ("_tokens", 4),
        ("_windows", 1),
        ("_truncated", False),
    ]


def test_the_same_row_in_csv() -> None:
    text, _ = label_bytes("id,text\n1,four\n", "csv", "csv")
    assert text == (
        "id,text,label,score,_row_id,_status,_error,_model,_tokens,_windows,_truncated\n"
        f"1,four,even,0.75,0,ok,,{MODEL},4,1,false\n"
    )


def test_bad_rows_carry_their_error_and_are_counted() -> None:
    data = (
        '{"text": "four"}\nnot json\n{"text": ""}\n{"text": null}\n{"text": 4}\n{"text": true}\n{"text": ["a"]}\n'
        '{"other": 1}\n{"text": "cut \\ud83d"}\n{"text": "three"}\n'
    )
    text, summary = label_bytes(data, "jsonl", "jsonl")
    rows = json_rows(text)
    assert [row["_row_id"] for row in rows] == list(range(10))
    assert [str(row["_error"]).split(":")[0] for row in rows] == [
        "",
        "unreadable-row",
        "empty-text",
        "empty-text",
        "undecodable-text",
        "undecodable-text",
        "undecodable-text",
        "unreadable-row",
        "undecodable-text",
        "",
    ]
    assert "line 2: not valid JSON" in str(rows[1]["_error"])
    assert "line 4: 'text' is null" in str(rows[3]["_error"])
    assert "line 5: 'text' is a number, not a text" in str(rows[4]["_error"])
    assert "line 8: the row has no 'text'" in str(rows[7]["_error"])
    assert rows[8]["text"] == "cut \ud83d"  # escaped, and so read back unchanged
    assert rows[1] == {
        "text": None,
        "other": None,
        "label": None,
        "score": None,
        "_row_id": 1,
        "_status": "error",
        "_error": rows[1]["_error"],
        "_model": MODEL,
        "_tokens": None,
        "_windows": None,
        "_truncated": None,
    }
    assert (summary.rows, summary.labelled, summary.failed) == (10, 2, 8)
    assert summary.errors == {"undecodable-text": 4, "unreadable-row": 2, "empty-text": 2}
    assert (summary.tokens, summary.windows, summary.truncated) == (9, 2, 0)
    assert summary.seconds > 0


def test_a_lone_surrogate_is_escaped_in_csv_next_to_its_error() -> None:
    text, _ = label_bytes('{"text": "cut \\ud83d"}\n', "jsonl", "csv")
    (row,) = csv_rows(text)
    assert (row["text"], row["_status"]) == ("cut \\ud83d", "error")
    assert "lone surrogate" in row["_error"]


def test_an_empty_line_of_text_is_a_row() -> None:
    text, summary = label_bytes("four\n\nthree\n", "txt", "csv")
    assert [(row["text"], row["label"], row["_status"]) for row in csv_rows(text)] == [
        ("four", "even", "ok"),
        ("", "", "error"),
        ("three", "odd", "ok"),
    ]
    assert summary.errors == {"empty-text": 1}


def test_several_labels_are_a_list_in_json_and_joined_in_csv() -> None:
    text, _ = label_bytes("four\none\n", "txt", "jsonl", multi_label=True)
    assert [row["labels"] for row in json_rows(text)] == [["a|b", "long"], []]
    text, _ = label_bytes("four\none\n", "txt", "csv", multi_label=True)
    assert [row["labels"] for row in csv_rows(text)] == ["a\\|b|long", ""]


@given(st.lists(st.text(st.sampled_from("a|\\"), min_size=1)))
def test_joined_labels_can_be_split_again(labels: list[str]) -> None:
    names: list[str] = []
    rest = join_labels(labels)
    while rest:
        name = ""
        while rest and rest[0] != "|":
            name, rest = (name + rest[1], rest[2:]) if rest[0] == "\\" else (name + rest[0], rest[1:])
        names.append(name)
        rest = rest[1:]
    assert names == labels


def test_a_prefix_keeps_columns_with_the_names_of_the_answers() -> None:
    data = '{"text": "four", "label": "gold", "score": 1}\n'
    with pytest.raises(ConfigError, match="names of the answers"):
        label_bytes(data, "jsonl", "jsonl")
    text, _ = label_bytes(data, "jsonl", "jsonl", prefix="p_")
    (row,) = json_rows(text)
    assert (row["label"], row["score"], row["p_label"], row["p_score"], row["p__row_id"]) == (
        "gold",
        1,
        "even",
        0.75,
        0,
    )


def long_head() -> str:
    """Return rows that fill the sample from which the columns are detected."""
    return (json.dumps({"text": "x" * 1_100_000}) + "\n") * 1


def test_a_later_field_is_kept_in_json_lines() -> None:
    text, _ = label_bytes(long_head() + '{"text": "four", "late": [1]}\n', "jsonl", "jsonl")
    assert json_rows(text)[1]["late"] == [1]
    assert json_rows(text)[1]["label"] == "even"


@pytest.mark.parametrize(("output", "field"), [("csv", "late"), ("jsonl", "label"), ("jsonl", "_status")])
def test_a_later_field_without_a_column_is_an_error_of_its_row(output: str, field: str) -> None:
    data = long_head() + json.dumps({"text": "four", field: "gold"}) + "\n" + '{"text": "three"}\n'
    text, summary = label_bytes(data, "jsonl", output)
    rows = json_rows(text) if output == "jsonl" else csv_rows(text)
    assert [row["_status"] for row in rows] == ["ok", "error", "ok"]
    assert f"no column for {field}" in str(rows[1]["_error"])
    assert rows[1]["text"] == "four"
    assert summary.errors == {"unreadable-row": 1}


good_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
json_lines = st.one_of(
    good_texts.map(lambda text: json.dumps({"text": text, "id": 1})),
    st.sampled_from(['{"text": ""}', '{"text": 5}', '{"id": 2}', "{", "[]", '{"text": NaN}', '{"text": "\\udc00"}']),
)


@given(st.lists(json_lines, min_size=1, max_size=12), st.integers(1, 5), st.sampled_from(["jsonl", "csv", "tsv"]))
def test_any_mixture_of_rows_is_labelled_in_order_and_completely(
    lines: list[str], chunk_rows: int, output: str
) -> None:
    head = '{"text": "head", "id": 0}'
    data = "".join(f"{line}\n" for line in [head, *lines])
    model = LengthModel()
    text, summary = label_bytes(data, "jsonl", output, model=model, chunk_rows=chunk_rows, text_column="text")
    stdin = io.BufferedReader(io.BytesIO(text.encode()))
    with open_reader("-", format=output, encoding="utf-8", stdin=stdin) as source:
        rows = [dict(record.fields) for record in source.records()]
    assert [int(str(row["_row_id"])) for row in rows] == list(range(len(lines) + 1))
    assert summary.rows == len(lines) + 1 == summary.labelled + summary.failed
    assert sum(row["_status"] == "error" for row in rows) == summary.failed == sum(summary.errors.values())
    for line, row in zip([head, *lines], rows, strict=True):
        if row["_status"] == "ok":
            sent = json.loads(line)["text"]
            assert row["label"] == ("even" if len(sent) % 2 == 0 else "odd")
            assert int(str(row["_tokens"])) == len(sent)
            if output == "jsonl":
                assert row["text"] == sent
    assert all(len(call) <= chunk_rows for call in model.calls)


def test_chunks_are_the_same_whatever_rows_fail() -> None:
    model = LengthModel()
    label_bytes("one\n\nthree\nfour\nfive\n", "txt", "jsonl", model=model, chunk_rows=2)
    assert model.calls == [["one", ""], ["three", "four"], ["five"]]


def test_an_error_is_passed_through_the_model() -> None:
    model = LengthModel()
    label_bytes('{"text": "a"}\n{\n[]\n{"text": "b"}\n', "jsonl", "jsonl", model=model, chunk_rows=1)
    assert [len(call) for call in model.calls] == [1, 1, 1, 1]
    assert [text for call in model.calls for text in call if isinstance(text, str)] == ["a", "b"]


def test_chunks_are_started_while_others_wait_for_their_answers() -> None:
    happened: list[str] = []

    class Noted(ImmediateAnswers):
        def result(self) -> Sequence[Answer | InputError]:
            happened.append("read")
            return super().result()

    def start(texts: Sequence[str | InputError]) -> Noted:
        happened.append("begun")
        return Noted(LengthModel()(texts).result())

    text, _ = label_bytes("a\nbb\nc\ndd\n", "txt", "jsonl", model=start, chunk_rows=1)
    assert [row["text"] for row in json_rows(text)] == ["a", "bb", "c", "dd"]
    assert happened == ["begun", "begun", "begun", "read", "begun", "read", "read", "read"]


def test_progress_is_reported_after_each_chunk() -> None:
    reported: list[int] = []
    label_bytes("a\nb\nc\nd\ne\n", "txt", "jsonl", chunk_rows=2, progress=lambda summary: reported.append(summary.rows))
    assert reported == [2, 4, 5]


def test_too_few_answers_of_a_model_are_an_error() -> None:
    with pytest.raises(InferenceError, match="got 1 answers for 2 texts"):
        label_bytes("a\nb\n", "txt", "jsonl", model=lambda texts: ImmediateAnswers(LengthModel()(texts).result()[:1]))


def test_a_failed_labelling_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\nc\n")

    def failing(texts: Sequence[str]) -> list[Answer | InputError]:
        if "b" in texts:
            raise InferenceError("the graph failed")
        return LengthModel()(texts)

    def attempt() -> None:
        with open_reader(tmp_path / "in.txt") as source:
            columns = plan_columns(source.columns)
            with open_row_writer(tmp_path / "out.jsonl", columns.all, inputs=[tmp_path / "in.txt"]) as writer:
                label_rows(source, StreamDestination(writer), failing, columns=columns, model=MODEL, chunk_rows=1)

    with pytest.raises(InferenceError, match="the graph failed"):
        attempt()
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_a_full_disk_raises_output_error(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("text\n" * 5000)

    def attempt() -> None:
        with open_reader(tmp_path / "in.txt") as source:
            columns = plan_columns(source.columns)
            with open_row_writer("/dev/full", columns.all, format="jsonl") as writer:
                label_rows(source, StreamDestination(writer), LengthModel(), columns=columns, model=MODEL)

    with pytest.raises(OutputError, match="cannot be written"):
        attempt()


def test_a_truncated_file_gives_its_rows_and_an_error_row(tmp_path: Path) -> None:
    import gzip

    whole = gzip.compress("".join(f"{number * 7919 % 10007}\n" for number in range(2000)).encode())
    (tmp_path / "in.txt.gz").write_bytes(whole[:-500])
    with open_reader(tmp_path / "in.txt.gz") as source:
        columns = plan_columns(source.columns)
        with open_row_writer(tmp_path / "out.jsonl", columns.all) as writer:
            summary = label_rows(source, StreamDestination(writer), LengthModel(), columns=columns, model=MODEL)
    assert summary.errors == {"undecodable-file": 1}
    assert summary.labelled > 1000
    *_, last = json_rows((tmp_path / "out.jsonl").read_text())
    assert f"from line {summary.rows} on" in str(last["_error"])


def test_a_real_messy_file_keeps_every_row_and_cell(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "cfpb-complaints" / "complaints_sample.csv"
    column = "Consumer complaint narrative"
    with open_reader(path) as source:
        columns = plan_columns(source.columns, text_column=column)
        with open_row_writer(tmp_path / "out.csv", columns.all, inputs=[path], formula_safe=False) as writer:
            summary = label_rows(
                source, StreamDestination(writer), LengthModel(), columns=columns, model=MODEL, chunk_rows=64
            )
    with open(path, encoding="utf-8", newline="") as file:
        original = list(csv.DictReader(file))
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        labelled = list(csv.DictReader(file))
    assert [{name: row[name] for name in columns.original} for row in labelled] == original
    assert (summary.labelled, summary.errors) == (272, {"empty-text": 728})  # as the corpus's description counts them
