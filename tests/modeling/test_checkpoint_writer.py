from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest
from safetensors.torch import load_file
from task_factory import make_task
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from glossator.modeling.checkpoint_reader import read_task
from glossator.modeling.checkpoint_writer import PACKAGES, now, package_versions, write_checkpoint
from glossator.modeling.labelled_rows import LabelledRows, read_rows
from glossator.modeling.reference_distributions import make_reference
from glossator.service.bundle import file_names
from glossator.service.bundle.reference import parse_reference
from glossator.service.errors import OutputError
from glossator.training.algorithms.algorithm import Splits
from glossator.training.base_model import open_model, resolve_base_model

Checkpoints = Callable[..., Path]


def test_checkpoint_holds_these_files_and_no_pickle(tiny_checkpoint: Checkpoints) -> None:
    assert sorted(path.name for path in tiny_checkpoint().iterdir()) == [
        "config.json",
        "history.json",
        "model.safetensors",
        "reference.json",
        "task.json",
        "test.jsonl",
        "tokenizer.json",
        "tokenizer_config.json",
        "training_texts.bin",
        "validation.jsonl",
    ]


def test_checkpoint_opens_in_transformers_alone(tiny_checkpoint: Checkpoints) -> None:
    folder = tiny_checkpoint()
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    task = read_task(folder)
    assert [model.config.id2label[index] for index in range(len(task.labels))] == task.labels
    logits = model(**tokenizer("where is my parcel", return_tensors="pt")).logits
    assert model.config.id2label[int(logits.argmax())] == "delivery"


def test_checkpoint_carries_the_rows_that_export_validates_on(
    tiny_checkpoint: Checkpoints, topic_splits: Callable[[str], Splits]
) -> None:
    splits = topic_splits("single_label_classification")
    validation = read_rows(tiny_checkpoint() / file_names.VALIDATION)
    assert (validation.texts, validation.labels) == (splits.validation.texts, splits.validation.labels)
    assert read_rows(tiny_checkpoint() / file_names.TEST) == splits.test


def test_checkpoint_is_written_whole_or_not_at_all(
    tiny_checkpoint: Checkpoints, tiny_base: Callable[[str], Path], tmp_path: Path
) -> None:
    finished = tiny_checkpoint()
    model = open_model(resolve_base_model(str(tiny_base("bert"))), make_task(labels=["a", "b"]))
    rows = LabelledRows(["x"], [("a",)])
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    shutil.copy(finished / file_names.TOKENIZER, tokenizer)
    output = tmp_path / "made" / "checkpoint"

    def write(*, overwrite: bool = False, tokenizer_folder: Path = tokenizer) -> None:
        write_checkpoint(
            output,
            model=model,
            tokenizer_folder=tokenizer_folder,
            task=read_task(finished),
            reference=parse_reference((finished / file_names.REFERENCE).read_bytes()),
            validation=rows,
            test=LabelledRows([], []),
            history=[{"epoch": 1.0, "loss": 0.5}],
            seen_texts=["x", "y"],
            overwrite=overwrite,
        )

    with pytest.raises(OutputError):  # fails after the weights were written
        write(tokenizer_folder=tmp_path / "absent")
    assert list(output.parent.iterdir()) == []
    write()
    assert not (output / file_names.TEST).exists()  # no rows, no file
    assert json.loads((output / file_names.HISTORY).read_text()) == [{"epoch": 1.0, "loss": 0.5}]
    with pytest.raises(OutputError, match="exists already"):
        write()
    write(overwrite=True)
    assert load_file(output / file_names.WEIGHTS).keys() == model.state_dict().keys()
    assert list(output.parent.iterdir()) == [output]


def test_package_versions_are_those_installed() -> None:
    assert package_versions() == {name: metadata.version(name) for name in PACKAGES}


def test_now_is_utc_to_the_second() -> None:
    moment = datetime.fromisoformat(now())
    assert moment.utcoffset() == timedelta(0)
    assert moment.microsecond == 0


def test_labels_without_names_are_written_too(tiny_base: Callable[[str], Path], tmp_path: Path) -> None:
    """transformers leaves them out of `config.json`, because they are its default; a bundle without them is refused."""
    labels = ["LABEL_0", "LABEL_1"]
    task = make_task(labels=labels)
    base = tiny_base("bert")
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    shutil.copyfile(base / file_names.TOKENIZER, tokenizer / file_names.TOKENIZER)
    write_checkpoint(
        tmp_path / "checkpoint",
        model=open_model(resolve_base_model(str(base)), task),
        tokenizer_folder=tokenizer,
        task=task,
        reference=make_reference(0, {}, [], []),
        validation=LabelledRows(["a"], [("LABEL_0",)]),
        test=LabelledRows([], []),
        history=[],
        seen_texts=None,
        overwrite=False,
    )
    config = json.loads((tmp_path / "checkpoint" / file_names.CONFIG).read_text())
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}
    assert config["label2id"] == {"LABEL_0": 0, "LABEL_1": 1}
