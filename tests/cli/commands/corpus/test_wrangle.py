"""`glossator wrangle`, and with it how every command reads labelled files."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
Names = Callable[[], list[str]]


def _zip() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("topics.csv", "text,topic\nhello,greeting\n")
    return packed.getvalue()


def test_report_on_stdout_progress_on_stderr(run: Run, topics_csv: Path) -> None:
    result = run("wrangle", "topics.csv")
    assert result.code == 0
    assert result.out.startswith("# Corpus report: `topics.csv`\n")
    assert "72 in = 72 kept + 0 rejected + 0 dropped" in result.out
    assert result.err == "· topics.csv: csv, utf-8, delimiter ',', columns text, topic\n"


def test_json_is_all_of_stdout_and_quiet_prints_no_progress(run: Run, topics_csv: Path) -> None:
    result = run("wrangle", "topics.csv", "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert result.json["rows"] == {"in": 72, "kept": 72, "rejected": 0, "dropped": 0}
    assert result.json["described"] == "topics.csv: csv, utf-8, delimiter ',', columns text, topic"


@pytest.mark.parametrize("compressed", [False, True])
def test_stdin_with_a_format(run: Run, topics_csv: Path, compressed: bool) -> None:
    data = topics_csv.read_bytes()
    result = run(
        "wrangle",
        "-",
        "--json",
        "--input-format",
        "csv.gz" if compressed else "csv",
        stdin=gzip.compress(data) if compressed else data,
    )
    assert result.json["rows"]["kept"] == 72


def test_rejects_are_written_with_line_and_reason_and_the_code_is_3(run: Run, topics_csv: Path) -> None:
    with topics_csv.open("a") as file:
        file.write("a row with no label,\n,delivery\n")
    result = run("wrangle", "topics.csv", "--rejects", "rejects.jsonl")
    assert result.code == 3
    rejects = [json.loads(line) for line in Path("rejects.jsonl").read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in rejects] == [(74, "missing-label"), (75, "empty-text")]
    assert "wrote 2 rejected rows to rejects.jsonl" in result.err


def test_rejects_of_an_earlier_run_do_not_stay(run: Run, topics_csv: Path) -> None:
    Path("rejects.jsonl").write_text('{"line": 9}\n')
    assert run("wrangle", "topics.csv", "--rejects", "rejects.jsonl").code == 0
    assert Path("rejects.jsonl").read_text() == ""


def test_the_rejects_file_may_not_be_the_source(run: Run, topics_csv: Path) -> None:
    before = topics_csv.read_bytes()
    result = run("wrangle", "topics.csv", "--rejects", "./topics.csv")
    assert result.code == 2
    assert "the output is the input" in result.err
    assert topics_csv.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label-column", "topik"], "no label column 'topik'; did you mean 'topic'?"),
        (["--text-column", "body"], "one of the columns 'text', 'topic'"),
        (["--text-column", "topic", "--label-column", "topic"], "text and label are both column 'topic'"),
        (["--encoding", "klingon"], "unknown encoding"),
        (["--delimiter", "ab"], "one character"),
        (["--input-format", "pages"], "unknown input format"),
        (["--label-separator", " "], "separates nothing"),
        (["--dataset-split", "train"], "a file takes no --dataset-split"),
    ],
)
def test_options_that_do_not_apply_to_the_file_are_refused(
    run: Run, topics_csv: Path, arguments: list[str], message: str
) -> None:
    result = run("wrangle", "topics.csv", *arguments)
    assert result.code in {1, 2}
    assert message in result.err
    assert result.out == ""


def test_a_dataset_refuses_the_options_of_files(run: Run, folder: Path) -> None:
    (folder / "dataset").mkdir()
    (folder / "dataset/dataset_dict.json").write_text("{}")
    result = run("wrangle", "dataset", "--encoding", "utf-8", "--delimiter", ";")
    assert result.code == 2
    assert "a dataset takes no --encoding and no --delimiter" in result.err


def test_a_folder_without_a_dataset_is_refused(run: Run, folder: Path) -> None:
    (folder / "dataset").mkdir()
    result = run("wrangle", "dataset")
    assert result.code == 2
    assert "dataset is a folder of no known form\n  found: nothing" in result.err


def test_a_name_with_no_suffix_is_looked_for_on_the_hub_and_this_is_reported(run: Run, folder: Path) -> None:
    result = run("wrangle", "tickets")
    assert result.code == 2
    assert "no file is named tickets" in result.err
    assert "cannot be loaded from the hub" in result.err


ROWS = "".join(f"{text} {i},{topic}\n" for i in range(8) for text, topic in [("late box", "a"), ("bad login", "b")])
JSON_ROWS = "".join(json.dumps({"text": f"row {i}", "topic": "ab"[i % 2]}) + "\n" for i in range(20))
NO_CORPUS = {
    "missing.csv": (None, 2, "there is no file missing.csv"),
    "empty.csv": (b"", 2, "the file is empty"),
    "header.csv": (b"text,topic\n", 1, "the source has no rows"),
    "oneclass.csv": (b"text,topic\nhello,a\ngood day,a\nbye,a\n", 1, "only the label 'a'"),
    "lonely.csv": (f"text,topic\n{ROWS}odd,c\n".encode(), 1, "'c' (line 18): one row cannot be both"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 2, "a PNG image, not text"),
    "archive.csv": (_zip(), 2, "a ZIP archive"),
    "packed.csv": (gzip.compress(ROWS.encode()), 2, "--input-format csv.gz"),
    "plain.csv.gz": (ROWS.encode(), 2, "not gzip data"),
    "nul.csv": (b"text,topic\na\0b,c\n", 2, "NUL"),
    "twice.csv": (b"text,text,topic\na,b,c\n", 2, "columns with the same name"),
    "nolabel.csv": (b"text\nhello\nbye\n", 2, "--text-column NAME --label-column NAME"),
    "prose.jsonl": (b"hello\nworld\n", 1, "line 1: not valid JSON"),
    "surrogate.jsonl": (b'{"text": "a \\ud83d", "topic": "a"}\n', 1, "line 1: "),
    "line.csv": (b"x " * 2_500_000, 1, "the source has no rows"),
    "sheet.xlsx": (_zip(), 2, "is not a complete spreadsheet"),
}


@pytest.mark.parametrize("name", NO_CORPUS)
def test_a_file_that_is_no_corpus_is_refused_with_a_hint_and_leaves_nothing(run: Run, names: Names, name: str) -> None:
    data, code, message = NO_CORPUS[name]
    if data is not None:
        Path(name).write_bytes(data)
    before = names()
    result = (
        run("wrangle", name, "--text-column", "text", "--label-column", "topic") if code == 1 else run("wrangle", name)
    )
    assert result.code == code
    assert message in result.err
    assert len(result.err) < 2_000
    assert names() == before


def test_a_file_with_a_header_only_has_no_columns_in_the_report(run: Run) -> None:
    Path("header.csv").write_bytes(b"text,topic\n")
    result = run("wrangle", "header.csv")
    assert (result.code, "- Text: none: the source has no rows" in result.out) == (1, True)
    assert "''" not in result.err


BAD_ROWS = {
    "surrogate.jsonl": ('{"text": "half \\ud83d", "topic": "a"}\n' + JSON_ROWS, 1, "undecodable-text"),
    "nan.jsonl": ('{"text": "no number", "topic": NaN}\n' + JSON_ROWS, 1, "unreadable-row"),
    "mixed.csv": ("text,topic\n" + ROWS + "déjà vu,a\ncaf", 19, "unreadable-row"),
    "quote.csv": ("text,topic\n" + ROWS + '"never, closed,a\n' + ROWS, 18, "unreadable-row"),
    "fields.csv": ("text,topic\n" + ROWS + "one,two,three\n", 18, "unreadable-row"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_read(run: Run, folder: Path, name: str) -> None:
    content, line, reason = BAD_ROWS[name]
    data = content.encode() + (b"\xe9 closed,b\n" if name == "mixed.csv" else b"")
    Path(name).write_bytes(data)
    result = run("wrangle", name, "--label-column", "topic", "--rejects", "rejects.jsonl", "--json")
    assert result.code == 3, result.err
    (reject, *_) = [json.loads(text) for text in Path("rejects.jsonl").read_text().splitlines()]
    assert (reject["line"], reject["reason"]) == (line, reason)
    assert result.json["rows"]["kept"] >= 16
    assert not reject["message"].startswith("line ")


def test_a_line_of_5_megabytes_is_read_and_keeps_the_report_short(run: Run, folder: Path) -> None:
    Path("long.csv").write_text("text,topic\n" + "x" * 5_000_000 + ",a\n" + ROWS)
    result = run("wrangle", "long.csv")
    assert result.code == 0
    assert "17 in = 17 kept" in result.out
    assert len(result.out) < 5_000


def test_classes_with_a_single_row_may_be_left_out(run: Run, folder: Path) -> None:
    rows = ["text,label", *(f"parcel {number},{('late', 'damaged')[number % 2]}" for number in range(8)), "once,rare"]
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    assert run("wrangle", "rows.csv").code == 1
    result = run("wrangle", "rows.csv", "--drop-rare", "--json")
    assert result.code == 0
    report = json.loads(result.out)
    assert report["rows"] == {"in": 9, "kept": 8, "rejected": 0, "dropped": 1}
    assert run("wrangle", "rows.csv", "--drop-rare", "--apply", "-o", "cleaned").code == 0
    assert "rare" not in (folder / "cleaned/corpus.csv").read_text()


def test_one_column_per_label_is_cleaned_and_restored(run: Run, folder: Path) -> None:
    rows = ["id,comment,toxic,insult,threat"]
    flags = ("1,0,0", "0,1,0", "1,1,0", "0,0,1", "0,0,0")
    rows += [f"{number},<b>comment</b> number {number} of it,{flags[number % 5]}" for number in range(20)]
    source = "\n".join(rows) + "\n"
    (folder / "rows.csv").write_text(source)
    result = run("wrangle", "rows.csv", "--apply", "--rule", "html-remains", "-o", "cleaned", "--json")
    assert result.code == 0
    report = json.loads(result.out)
    assert report["problem"] == "text classification, any of 3 labels"
    assert report["labels"] == {"insult": 8, "threat": 4, "toxic": 8}
    assert report["decisions"][0]["chosen"] == "toxic, insult, threat"
    assert run("restore", "cleaned", "-o", "again.csv").code == 0
    assert (folder / "again.csv").read_text() == source


def test_a_table_with_one_token_per_row_is_reported_but_not_cleaned(run: Run, folder: Path) -> None:
    rows = ["Sentence #,Word,Tag", *(f"{n},Anna,B-per\n{n},left,O\n{n},day{n},O" for n in range(6))]
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    result = run("wrangle", "rows.csv", "--json")
    assert (result.code, json.loads(result.out)["problem"]) == (0, "token classification, 1 entity type")
    result = run("wrangle", "rows.csv", "--apply", "-o", "cleaned")
    assert result.code == 2
    assert "this table has one token per row" in result.err
