from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, NamedSplit, Value, disable_progress_bars

from glossator.service.errors import ConfigError
from glossator.training.corpus.corpus_reader import read_corpus
from glossator.training.corpus.reading.hf_dataset import read_dataset

disable_progress_bars()

NAMES = ["card", "fee"]
FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=NAMES), "tags": List(ClassLabel(names=NAMES))})
ROWS = {
    "text": ["where is it", "what is due", "unlabelled", None],
    "label": [0, 1, -1, None],
    "tags": [[1], [1, 0], [], None],
}


def texts(source: Path | str, **options: str) -> list[object]:
    return [row.fields["text"] for row in read_dataset(source, **options).rows]


def dataset() -> Dataset:
    return Dataset.from_dict(ROWS, features=FEATURES)


def test_class_labels_are_read_as_names(tmp_path: Path) -> None:
    dataset().save_to_disk(tmp_path / "saved")
    rows = list(read_dataset(tmp_path / "saved").rows)
    assert [row.line for row in rows] == [1, 2, 3, 4]
    assert [dict(row.fields) for row in rows] == [
        {"text": "where is it", "label": "card", "tags": ["fee"]},
        {"text": "what is due", "label": "fee", "tags": ["fee", "card"]},
        {"text": "unlabelled", "label": None, "tags": []},
        {"text": None, "label": None, "tags": None},
    ]


def test_the_named_split_or_train_or_the_only_split_is_read(tmp_path: Path) -> None:
    parts = {name: Dataset.from_dict({"text": [name], "label": ["x"]}) for name in ("test", "train")}
    DatasetDict(parts).save_to_disk(tmp_path / "both")
    DatasetDict(only=parts["test"]).save_to_disk(tmp_path / "one")
    assert texts(tmp_path / "both") == ["train"]
    assert texts(tmp_path / "both", split="test") == ["test"]
    assert texts(str(tmp_path / "one")) == ["test"]


def test_the_other_splits_are_named_and_measuring_prefers_the_test(tmp_path: Path) -> None:
    parts = {name: Dataset.from_dict({"text": [name], "label": ["x"]}) for name in ("train", "validation", "test")}
    DatasetDict(parts).save_to_disk(tmp_path / "saved")
    assert [decision.message for decision in read_dataset(tmp_path / "saved").decisions] == [
        "split: train (the split for training); runner-up: validation, test; change with --dataset-split"
    ]
    measured = read_dataset(tmp_path / "saved", preferred="test")
    assert [row.fields["text"] for row in measured.rows] == ["test"]
    assert measured.decisions[0].message.startswith("split: test (the split for measuring); runner-up: train, valid")
    assert texts(tmp_path / "saved", preferred="validation") == ["validation"]
    assert read_dataset(tmp_path / "saved", split="test").decisions == []


def test_the_error_about_an_unknown_split_lists_the_existing_ones(tmp_path: Path) -> None:
    parts = {name: Dataset.from_dict({"text": [name]}) for name in ("dev", "test")}
    DatasetDict(parts).save_to_disk(tmp_path / "saved")
    for wanted in ("validation", None):
        with pytest.raises(ConfigError, match="one of dev, test"):
            read_dataset(tmp_path / "saved", split=wanted)


def test_a_dataset_without_splits_is_read(tmp_path: Path) -> None:
    Dataset.from_dict({"text": ["a"]}, split=NamedSplit("train")).save_to_disk(tmp_path / "named")
    dataset().save_to_disk(tmp_path / "unnamed")
    assert len(texts(tmp_path / "named", split="train")) == 1
    assert len(texts(tmp_path / "unnamed", split="train")) == 4
    with pytest.raises(ConfigError, match="no such split"):
        read_dataset(tmp_path / "named", split="test")


def test_many_batches_are_read_into_a_corpus(tmp_path: Path) -> None:
    count = 2_500
    table = {"text": [f"text {i}" for i in range(count)], "label": [i % 2 for i in range(count)]}
    features = Features({"text": Value("string"), "label": ClassLabel(names=NAMES)})
    Dataset.from_dict(table, features=features).save_to_disk(tmp_path / "saved")
    corpus = read_corpus(read_dataset(tmp_path / "saved").rows, source_name="saved")
    assert corpus.lines == list(range(1, count + 1))
    assert corpus.label_counts() == {"card": 1_250, "fee": 1_250}


def test_another_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="save_to_disk"):
        read_dataset(tmp_path)
    dataset().save_to_disk(tmp_path / "cut")
    (arrow,) = (tmp_path / "cut").glob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:100])
    with pytest.raises(ConfigError, match="damaged"):
        read_dataset(tmp_path / "cut")


def test_damaged_metadata_is_rejected(tmp_path: Path) -> None:
    dataset().save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text(json.dumps({"_data_files": 7}))
    with pytest.raises(ConfigError, match="damaged"):
        read_dataset(tmp_path / "saved")


def test_hub_options_for_a_folder_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no revision"):
        read_dataset(tmp_path, revision="main")


@pytest.mark.parametrize("name", ["missing/folder/deep", "s3://bucket/data", "a b", "../nowhere"])
def test_a_source_that_is_neither_folder_nor_name_is_rejected(name: str) -> None:
    with pytest.raises(ConfigError, match="no such dataset"):
        read_dataset(name)


def test_reading_from_the_hub_without_a_network_fails_at_once_with_a_hint(tmp_path: Path) -> None:
    code = (
        "from glossator.service.errors import ConfigError\n"
        "from glossator.training.corpus.reading.hf_dataset import read_dataset\n"
        "try:\n    read_dataset('owner/no-such-dataset')\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert "cannot be loaded from the hub" in done.stdout
    assert "found: owner/no-such-dataset" in done.stdout
    assert "save_to_disk(FOLDER)" in done.stdout
