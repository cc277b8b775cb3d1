"""`wrangle --apply` and `restore`: whatever was cleaned, `restore` gives the original rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples

from glossator.training.corpus.cleaning.cleaning_rules import RULES, clean
from glossator.workflows.corpus.cleaned_folder import restore_rows, write_cleaned
from glossator.workflows.corpus.reading import inspect_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

Run = Callable[..., Any]

ROWS = [
    {"id": 1, "text": "un cafÃ© noir", "topic": "food"},
    {"id": 2, "text": "  plain   text ", "topic": "Food"},
    {"id": 3, "text": "a second row of food", "topic": "food"},
    {"id": 4, "text": "goal in the last minute", "topic": "sport"},
    {"id": 5, "text": "goal in the last minute", "topic": "sport"},
    {"id": 6, "text": "", "topic": "sport"},
    {"id": 7, "text": "a long race &amp; a short one", "topic": "sport"},
]


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_apply_cleans_records_every_change_and_restore_undoes_it(run: Run, folder: Path) -> None:
    source = write_jsonl(folder / "topics.jsonl", ROWS)
    before = source.read_bytes()
    result = run("wrangle", "topics.jsonl", "--apply", "--rule", "html-remains", "-o", "clean", "--json")
    assert result.code == 3  # a row without text
    assert result.json["cleaned"]["changes"] == {
        "encoding-damage": 1,
        "label-name-variants": 1,
        "exact-duplicates": 1,
        "html-remains": 1,
    }
    clean = read_jsonl(folder / "clean/corpus.jsonl")
    assert [row["id"] for row in clean] == [1, 2, 3, 4, 7]
    assert clean[0]["text"] == "un café noir"
    assert clean[1] == {"id": 2, "text": "  plain   text ", "topic": "food"}
    changes = read_jsonl(folder / "clean/changes.jsonl")
    assert [(change["row"], change["rule"]) for change in changes] == [
        (1, "encoding-damage"),
        (2, "label-name-variants"),
        (5, "exact-duplicates"),
        (7, "html-remains"),
    ]
    assert changes[2]["before"] == ROWS[4]
    assert read_jsonl(folder / "clean/rejects.jsonl")[0]["fields"] == ROWS[5]
    for name in ("report.md", "report.html", "report.json", "README.md", "labels.svg", "lengths.svg"):
        assert (folder / "clean" / name).stat().st_size > 0
    assert source.read_bytes() == before

    result = run("restore", "clean", "-o", "again.jsonl")
    assert (result.code, result.out) == (0, "wrote again.jsonl: 7 rows, as they were in topics.jsonl\n")
    assert read_jsonl(folder / "again.jsonl") == ROWS


def test_a_cleaned_folder_can_be_read_and_has_the_recorded_fingerprint(run: Run, folder: Path) -> None:
    write_jsonl(folder / "topics.jsonl", ROWS)
    run("wrangle", "topics.jsonl", "--apply", "-o", "clean")
    again = run("wrangle", "clean", "--json")  # the folder is the source
    assert again.json["source"] == "clean"
    assert again.json["described"].startswith("clean/corpus.jsonl: jsonl")
    description = json.loads((folder / "clean/cleaned.json").read_text())
    assert again.json["fingerprint"] == description["fingerprint"]
    assert again.json["rows"] == {"in": 5, "kept": 5, "rejected": 0, "dropped": 0}


def test_csv_stays_csv_and_an_unreadable_row_is_counted(run: Run, folder: Path) -> None:
    with (folder / "topics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
        file.write("8,too,many,cells\n")
    assert run("wrangle", "topics.csv", "--apply", "-o", "clean").code == 3
    result = run("restore", "clean", "-o", "again.csv", "--json")
    assert result.json == {"output": "again.csv", "rows": 7, "unreadable": 1}
    with (folder / "again.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{key: str(value) for key, value in row.items()} for row in ROWS]


def test_a_folder_that_was_changed_is_not_restored(run: Run, folder: Path) -> None:
    write_jsonl(folder / "topics.jsonl", ROWS)
    run("wrangle", "topics.jsonl", "--apply", "-o", "clean")
    clean = folder / "clean/corpus.jsonl"
    clean.write_text(clean.read_text().replace("second", "third"))
    result = run("restore", "clean", "-o", "again.jsonl")
    assert result.code == 1
    assert "differ from the original ones" in result.err
    assert not (folder / "again.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--apply"], "--apply needs --output"),
        (["--rule", "white-space"], "need --apply"),
        (["--apply", "-o", "out", "--rule", "tidy"], "no such rule"),
        (["--apply", "-o", "out", "--answers", "none.json"], "there is no file none.json"),
    ],
)
def test_incomplete_combinations_of_options_are_refused(
    run: Run, topics_csv: Path, arguments: list[str], message: str
) -> None:
    result = run("wrangle", "topics.csv", *arguments)
    assert result.code == 2
    assert message in result.err


def test_standard_input_cannot_be_read_twice(run: Run) -> None:
    result = run("wrangle", "-", "--apply", "-o", "out", stdin=b"text,label\na,b\n")
    assert (result.code, "standard input can be read only once" in result.err) == (2, True)


def test_restore_refuses_other_folders(run: Run, folder: Path) -> None:
    result = run("restore", ".", "-o", "again.jsonl")
    assert (result.code, "holds no cleaned corpus" in result.err) == (2, True)


def test_answers_of_reviewers_are_applied_and_undone(run: Run, folder: Path) -> None:
    source = write_jsonl(folder / "topics.jsonl", ROWS)
    answer = {"text": ROWS[3]["text"], "accept": ["food"], "answer": "accept", "meta": {"line": 4}}
    (folder / "reviewed.jsonl").write_text(json.dumps(answer) + "\n")
    result = run("wrangle", "topics.jsonl", "--apply", "--answers", "reviewed.jsonl", "-o", "clean", "--json")
    assert result.json["cleaned"]["changes"]["reviewed-labels"] == 1
    change = next(each for each in read_jsonl(folder / "clean/changes.jsonl") if each["rule"] == "reviewed-labels")
    assert (change["row"], change["before"], change["after"]) == (4, "sport", "food")
    run("restore", "clean", "-o", "again.jsonl")
    assert read_jsonl(folder / "again.jsonl") == read_jsonl(source)


def test_texts_shared_with_the_test_rows_are_reported_and_left_out(run: Run, folder: Path) -> None:
    write_jsonl(folder / "topics.jsonl", ROWS)
    write_jsonl(folder / "test.jsonl", [{"text": "A second row of food", "topic": "food"}])
    result = run("wrangle", "topics.jsonl", "--against", "test.jsonl", "--json")
    assert next(each for each in result.json["findings"] if each["name"] == "leaked-texts")["count"] == 1
    run("wrangle", "topics.jsonl", "--against", "test.jsonl", "--apply", "--rule", "leaked-texts", "-o", "clean")
    assert [row["id"] for row in read_jsonl(folder / "clean/corpus.jsonl")] == [1, 2, 4, 7]


_TEXTS = st.text(max_size=30) | st.sampled_from(["cafÃ©", " a  b ", "<b>x</b>", "ann@example.org", "same", "Same"])
_CORPUS = st.lists(
    st.fixed_dictionaries({"text": _TEXTS, "label": st.sampled_from(["a", "A", "b", "b ", ""]), "n": st.integers()}),
    min_size=1,
    max_size=20,
)


@settings(max_examples=examples(20))  # each starts three reader processes
@given(rows=_CORPUS)
def test_any_corpus_is_restored(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("any")
    statements = (("a train to the coast", "a"), ("two boats", "a"), ("bread and butter", "b"), ("soup", "b"))
    plenty: list[dict[str, object]] = [{"text": text, "label": label, "n": 0} for text, label in statements]
    source = place / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in (*plenty, *rows)))
    options = ReadingOptions(text_column="text", label_column="label", drop_duplicates=True, drop_rare=True)
    reading = inspect_corpus(str(source), options, Reporter())
    assert reading.error is None
    cleaned = clean(reading.corpus, RULES)
    (place / "out").mkdir()
    summary = write_cleaned(str(source), options, cleaned, place / "out", Reporter())
    assert summary.rows_in == len(plenty) + len(rows)
    restore_rows(place / "out", place / "again.jsonl")
    assert read_jsonl(place / "again.jsonl") == [*plenty, *rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "text\tlabel\n" + "".join(f'"they said "number {n}\t{"xy"[n % 2]}\n' for n in range(8))),
        ("a.csv", "text;label\n" + "".join(f'"one; two {n}";{"xy"[n % 2]}\n' for n in range(8))),
        ("a.csv", "text,label,,\n" + "".join(f"some words {n},{'xy'[n % 2]},,\n" for n in range(8))),
        ("a.tsv", "".join(f"some more words {n}\t{'xy'[n % 2]}\n" for n in range(8))),
    ],
)
def test_restore_writes_the_dialect_that_was_read(run: Run, folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    assert run("wrangle", name, "--apply", "-o", "clean", "--json").code == 0
    assert run("restore", "clean", "-o", f"again{Path(name).suffix}").code == 0
    assert (folder / f"again{Path(name).suffix}").read_text() == content
