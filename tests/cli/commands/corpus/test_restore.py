"""`wrangle --apply` and the way back: whatever was mended, `restore` gives the rows as they were."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support.console import stderr
from glossator.training.corpus.cleaning.cleaning_rules import RULES, clean
from glossator.workflows.cleaned_folder import restore_rows, write_mended

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


def test_apply_mends_tells_and_restores(run: Run, folder: Path) -> None:
    source = write_jsonl(folder / "topics.jsonl", ROWS)
    before = source.read_bytes()
    ran = run("wrangle", "topics.jsonl", "--apply", "--rule", "html-remains", "-o", "clean", "--json")
    assert ran.code == 3  # a row without text
    assert ran.json["mended"]["changes"] == {
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

    ran = run("restore", "clean", "-o", "again.jsonl")
    assert (ran.code, ran.out) == (0, "wrote again.jsonl: 7 rows, as they were in topics.jsonl\n")
    assert read_jsonl(folder / "again.jsonl") == ROWS


def test_what_comes_out_can_be_wrangled_and_has_the_fingerprint_told(run: Run, folder: Path) -> None:
    write_jsonl(folder / "topics.jsonl", ROWS)
    run("wrangle", "topics.jsonl", "--apply", "-o", "clean")
    again = run("wrangle", "clean", "--json")  # by its folder
    assert again.json["source"] == "clean"
    assert again.json["described"].startswith("clean/corpus.jsonl: jsonl")
    told = json.loads((folder / "clean/cleaned.json").read_text())
    assert again.json["fingerprint"] == told["fingerprint"]
    assert again.json["rows"] == {"in": 5, "kept": 5, "rejected": 0, "dropped": 0}


def test_csv_comes_out_as_csv_and_back_with_an_unreadable_row_told(run: Run, folder: Path) -> None:
    with (folder / "topics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
        file.write("8,too,many,cells\n")
    assert run("wrangle", "topics.csv", "--apply", "-o", "clean").code == 3
    ran = run("restore", "clean", "-o", "again.csv", "--json")
    assert ran.json == {"output": "again.csv", "rows": 7, "unreadable": 1}
    with (folder / "again.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{key: str(value) for key, value in row.items()} for row in ROWS]


def test_a_folder_that_was_changed_is_not_restored(run: Run, folder: Path) -> None:
    write_jsonl(folder / "topics.jsonl", ROWS)
    run("wrangle", "topics.jsonl", "--apply", "-o", "clean")
    clean = folder / "clean/corpus.jsonl"
    clean.write_text(clean.read_text().replace("second", "third"))
    ran = run("restore", "clean", "-o", "again.jsonl")
    assert ran.code == 1
    assert "does not give back what it was made from" in ran.err
    assert not (folder / "again.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--apply"], "--apply goes with --output"),
        (["--rule", "white-space"], "go with --apply"),
        (["--apply", "-o", "out", "--rule", "tidy"], "no such rule"),
        (["--apply", "-o", "out", "--answers", "none.json"], "there is no file none.json"),
    ],
)
def test_options_that_do_not_go_together(run: Run, topics_csv: Path, arguments: list[str], said: str) -> None:
    ran = run("wrangle", "topics.csv", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_standard_input_cannot_be_read_twice(run: Run) -> None:
    ran = run("wrangle", "-", "--apply", "-o", "out", stdin=b"text,label\na,b\n")
    assert (ran.code, "standard input can be read once" in ran.err) == (2, True)


def test_a_folder_that_is_no_mended_corpus(run: Run, folder: Path) -> None:
    ran = run("restore", ".", "-o", "again.jsonl")
    assert (ran.code, "holds no mended corpus" in ran.err) == (2, True)


def test_answers_of_reviewers_are_applied_and_taken_back(run: Run, folder: Path) -> None:
    source = write_jsonl(folder / "topics.jsonl", ROWS)
    answer = {"text": ROWS[3]["text"], "accept": ["food"], "answer": "accept", "meta": {"line": 4}}
    (folder / "reviewed.jsonl").write_text(json.dumps(answer) + "\n")
    ran = run("wrangle", "topics.jsonl", "--apply", "--answers", "reviewed.jsonl", "-o", "clean", "--json")
    assert ran.json["mended"]["changes"]["reviewed-labels"] == 1
    change = next(each for each in read_jsonl(folder / "clean/changes.jsonl") if each["rule"] == "reviewed-labels")
    assert (change["row"], change["before"], change["after"]) == (4, "sport", "food")
    run("restore", "clean", "-o", "again.jsonl")
    assert read_jsonl(folder / "again.jsonl") == read_jsonl(source)


def test_texts_shared_with_the_test_rows_are_told_and_left_out(run: Run, folder: Path) -> None:
    write_jsonl(folder / "topics.jsonl", ROWS)
    write_jsonl(folder / "test.jsonl", [{"text": "A second row of food", "topic": "food"}])
    ran = run("wrangle", "topics.jsonl", "--against", "test.jsonl", "--json")
    assert next(each for each in ran.json["findings"] if each["name"] == "leaked-texts")["count"] == 1
    run("wrangle", "topics.jsonl", "--against", "test.jsonl", "--apply", "--rule", "leaked-texts", "-o", "clean")
    assert [row["id"] for row in read_jsonl(folder / "clean/corpus.jsonl")] == [1, 2, 4, 7]


_TEXTS = st.text(max_size=30) | st.sampled_from(["cafÃ©", " a  b ", "<b>x</b>", "ann@example.org", "same", "Same"])
_CORPUS = st.lists(
    st.fixed_dictionaries({"text": _TEXTS, "label": st.sampled_from(["a", "A", "b", "b ", ""]), "n": st.integers()}),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_CORPUS)
def test_any_corpus_comes_back(rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("any")
    words = (("a train to the coast", "a"), ("two boats", "a"), ("bread and butter", "b"), ("soup", "b"))
    plenty: list[dict[str, object]] = [{"text": text, "label": label, "n": 0} for text, label in words]
    source = place / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in (*plenty, *rows)))
    options = corpora.ReadingOptions("text", "label", drop_duplicates=True, drop_rare=True)
    console = stderr(quiet=True)
    reading = corpora.inspect(str(source), options, console, None)
    assert reading.error is None
    mended = clean(reading.corpus, RULES)
    (place / "out").mkdir()
    written = write_mended(str(source), options, mended, place / "out", console)
    assert written.rows_in == len(plenty) + len(rows)
    restore_rows(place / "out", place / "again.jsonl")
    assert read_jsonl(place / "again.jsonl") == [*plenty, *rows]
