from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from glossator.service.documents.sources.open_reader import open_reader

CSV = 'text,label\n"late, again",delivery\n"two\nlines",damage\nbroken lamp,damage\n'
ROWS = [
    {"text": "late, again", "label": "delivery"},
    {"text": "two\nlines", "label": "damage"},
    {"text": "broken lamp", "label": "damage"},
]
TSV = "text\tlabel\nlate again\tdelivery\nbroken lamp\tdamage\n"
TSV_ROWS = [{"text": "late again", "label": "delivery"}, {"text": "broken lamp", "label": "damage"}]
LINES = '{"text": "late"}\n{"text": "broken"}\n'
ARRAY = '[{"text": "late"}, {"text": "broken"}]'
OBJECT = '{\n  "rows": [\n{"text": "late"},\n{"text": "broken"}\n]\n}\n'
LINE_ROWS = [{"text": "late"}, {"text": "broken"}]


def read(path: Path | str, **options: Any) -> tuple[str, list[dict[str, object]], list[str]]:
    with open_reader(path, **options) as source:
        return (
            source.format,
            [record.fields for record in source.records()],
            [f"{decision.subject}: {decision.chosen}" for decision in source.all_decisions()],
        )


@pytest.mark.parametrize("name", ["rows", "rows.data", "rows.dat", "rows.txt", "rows.log"])
@pytest.mark.parametrize(
    ("text", "format_name", "rows"),
    [
        (CSV, "csv", ROWS),
        (CSV.replace(",", ";"), "csv", [{**ROWS[0], "text": "late; again"}, *ROWS[1:]]),
        (TSV, "tsv", TSV_ROWS),
        (TSV.replace("\t", "|"), "psv", TSV_ROWS),
        (LINES, "jsonl", LINE_ROWS),
        (ARRAY, "json", LINE_ROWS),
        (OBJECT, "json", LINE_ROWS),
    ],
)
def test_content_tells_the_format_where_the_name_does_not(
    tmp_path: Path, name: str, text: str, format_name: str, rows: list[dict[str, object]]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    found = read(path)
    assert found[:2] == (format_name, rows)
    assert found[2][0] == f"format: {format_name}"


@pytest.mark.parametrize("text", [LINES, ARRAY, OBJECT])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".tab", ".psv"])
def test_json_in_a_file_named_as_a_table_is_read_as_json(tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_text(text)
    assert read(path)[1] == LINE_ROWS


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nthe lamp, the new one, is broken.\nBye, Ann\n",
        "a, b\nc, d\ne, f\n",
        "{name} is missing\n{place} too\n",
        "[1] first note\n[2] second note\n",
        "one\ttwo\nthree\n",
    ],
)
def test_prose_in_a_text_file_stays_lines_of_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    assert read(path) == ("txt", [{"text": line} for line in text.splitlines()], [])


@pytest.mark.parametrize("name", ["rows", "rows.data", "rows.txt", "rows.csv", "rows.json", "rows.jsonl"])
def test_a_named_format_overrides_the_name_and_the_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(TSV)
    assert read(path, format="tsv") == ("tsv", TSV_ROWS, [])
    assert read(path, format="txt") == ("txt", [{"text": line} for line in TSV.splitlines()], [])
    path.write_text(OBJECT)
    assert read(path, format="json")[:2] == ("json", LINE_ROWS)


def test_compressed_files_are_recognised_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "rows.data.gz"
    path.write_bytes(gzip.compress(TSV.encode()))
    assert read(path) == ("tsv", TSV_ROWS, ["format: tsv"])


@pytest.mark.parametrize(
    ("text", "format_name", "rows"),
    [
        (OBJECT, "json", LINE_ROWS),
        ('{\n "text": "late",\n "label": "delivery"\n}', "json", [{"text": "late", "label": "delivery"}]),
        ('{"rows": [\n{"text": "late"}]}', "json", [{"text": "late"}]),
        (ARRAY, "json", LINE_ROWS),
        (LINES, "jsonl", LINE_ROWS),
        ('{"text": "late"}', "jsonl", [{"text": "late"}]),
        ('{wrong}\n{"text": "late"}\n', "jsonl", [{}, {"text": "late"}]),
    ],
)
def test_json_on_standard_input_may_span_lines(text: str, format_name: str, rows: list[dict[str, object]]) -> None:
    assert read("-", stdin=io.BufferedReader(io.BytesIO(text.encode())))[:2] == (format_name, rows)  # type: ignore[arg-type]


def test_each_file_of_a_folder_and_of_an_archive_is_recognised_by_its_own_content(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name, text in (("a.txt", TSV), ("b.jsonl", LINES), ("c.csv", CSV), ("d.json", OBJECT)):
        (folder / name).write_text(text)
    archive = tmp_path / "inbox.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, "inbox")
    texts = [*(row["text"] for row in TSV_ROWS), "late", "broken", *(row["text"] for row in ROWS), "late", "broken"]
    for source in (folder, archive):
        assert [row["text"] for row in read(source)[1]] == texts
