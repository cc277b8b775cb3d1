from __future__ import annotations

import json
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, FileMissing, GlossatorError
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.corpus.sources import open_rows
from glossator.workflows.reporter import Reporter

ROWS = [{"text": "late box", "label": "delivery"}, {"text": "bad login", "label": "login"}]
PLAIN = ReadingOptions()


def read(source: Path | str, options: ReadingOptions = PLAIN) -> tuple[list[dict[str, object]], str]:
    with open_rows(str(source), options, Reporter()) as (rows, description):
        return [dict(row.fields) for row in rows], description


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_a_file(file: Path) -> None:
    rows, description = read(file)
    assert rows == ROWS
    assert description.startswith(f"{file}: jsonl")


def test_a_folder_that_wrangle_wrote_is_read_by_its_corpus_file(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cleaned"
    folder.mkdir()
    file.rename(folder / "corpus.jsonl")
    (folder / "cleaned.json").write_text("{}")
    assert read(folder)[0] == ROWS


def test_a_saved_dataset(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_list(ROWS).save_to_disk(tmp_path / "dataset")
    rows, description = read(tmp_path / "dataset")
    assert rows == ROWS
    assert description == f"{tmp_path / 'dataset'}: dataset folder"


def test_a_folder_per_label_is_an_annotated_document(tmp_path: Path) -> None:
    for label, text in (("delivery", "late box"), ("login", "bad login")):
        (tmp_path / "topics" / label).mkdir(parents=True)
        (tmp_path / "topics" / label / "0.txt").write_text(text)
    rows, _ = read(tmp_path / "topics")
    assert sorted(str(row["text"]) for row in rows) == ["bad login", "late box"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReadingOptions(dataset_split="train"), "a file takes no --dataset-split"),
        (ReadingOptions(encoding="utf-8"), "a dataset takes no --encoding"),
    ],
)
def test_options_of_another_kind_of_source_are_refused(
    file: Path, tmp_path: Path, options: ReadingOptions, message: str
) -> None:
    (tmp_path / "dataset").mkdir()
    with pytest.raises(ConfigError, match=message):
        read(file if options.dataset_split else tmp_path / "dataset", options)


@pytest.mark.parametrize("name", ["tickets.csv", "./tickets", "a/b/c", "~/tickets"])
def test_names_that_are_no_hub_names_are_missing_files(name: str) -> None:
    with pytest.raises(FileMissing):
        read(name)


@pytest.mark.parametrize("name", ["tickets", "owner/tickets"])
def test_a_hub_name_is_looked_up_without_a_network_in_vain(name: str) -> None:
    with pytest.raises(GlossatorError, match="cannot be loaded from the hub"):
        read(name)
