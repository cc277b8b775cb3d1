from __future__ import annotations

import json
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError
from glossator.workflows.corpus.label_names import class_label_names, find_label_names
from glossator.workflows.corpus.reading import read_corpus
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.reporter import Reporter

NAMES = ["late", "damaged"]
ROWS = [{"text": f"where is parcel {number}", "label": number % 2} for number in range(8)]


def write_rows(folder: Path) -> str:
    file = folder / "data" / "train.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(file)


def labels_of(source: str) -> list[str]:
    return read_corpus(source, ReadingOptions(), Reporter()).corpus.label_names


FEATURES = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": NAMES, "_type": "ClassLabel"}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset_info.json", {"features": FEATURES}),
        ("dataset_infos.json", {"default": {"features": FEATURES}}),
        ("data/dataset_info.json", {"features": FEATURES}),
    ],
)
def test_numbers_become_the_names_in_the_metadata_of_the_dataset(
    tmp_path: Path, name: str, content: dict[str, object]
) -> None:
    source = write_rows(tmp_path)
    (tmp_path / name).write_text(json.dumps(content))
    assert labels_of(source) == ["damaged", "late"]


def test_numbers_become_the_names_in_the_card_of_the_dataset(tmp_path: Path) -> None:
    source = write_rows(tmp_path)
    (tmp_path / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n"
        "      class_label:\n        names:\n          '0': late\n          '1': damaged\n---\n# Parcels\n"
    )
    assert labels_of(source) == ["damaged", "late"]


def test_numbers_become_the_names_in_a_list_next_to_the_file(tmp_path: Path) -> None:
    source = write_rows(tmp_path)
    (tmp_path / "data/labels.txt").write_text("late\ndamaged\n")
    corpus = read_corpus(source, ReadingOptions(), Reporter()).corpus
    assert corpus.label_names == ["damaged", "late"]
    assert corpus.labels[:2] == [("late",), ("damaged",)]
    assert corpus.decisions[-1].message == (
        "labels: late, damaged (guessed) (column label holds numbers from 0 to 1; names from labels.txt); "
        "change with --label-names"
    )


def test_parquet_metadata_names_the_labels(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)})
    dataset = datasets.Dataset.from_list(ROWS, features=features)
    dataset.to_parquet(str(tmp_path / "train.parquet"))
    assert labels_of(str(tmp_path / "train.parquet")) == ["damaged", "late"]


def test_given_names_come_first(tmp_path: Path) -> None:
    source = write_rows(tmp_path)
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    names = find_label_names(source, ("a", "b"))
    assert names.of("label") == (("a", "b"), "--label-names")
    assert find_label_names(source, None).of("label") == (("late", "damaged"), "dataset_info.json")


def test_names_of_lists_of_class_labels_are_found() -> None:
    features = {
        "ner_tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"},
        "pos": [{"names": ["X"], "_type": "ClassLabel"}],
        "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    }
    assert class_label_names(features) == {"ner_tags": ("O", "B-PER"), "pos": ("X",)}
    card = [{"name": "ner_tags", "sequence": {"class_label": {"names": {"1": "B-PER", "0": "O"}}}}]
    assert class_label_names(card) == {"ner_tags": ("O", "B-PER")}


def test_damaged_metadata_are_ignored_and_an_unreadable_list_is_refused(tmp_path: Path) -> None:
    source = write_rows(tmp_path)
    (tmp_path / "dataset_info.json").write_text("{")
    (tmp_path / "README.md").write_text("---\n: [\n---\n")
    assert labels_of(source) == ["0", "1"]
    (tmp_path / "data/labels.txt").write_bytes(b"sp\xe4t\nfr\xfch\n")
    with pytest.raises(ConfigError, match="UTF-8, one name per line"):
        labels_of(source)
