from __future__ import annotations

import json
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, CorpusError, FileMissing, OutputError
from glossator.workflows.run_records import RECORD, RunStore


def record_run(store: RunStore, command: str = "evaluate", test: Path | None = None) -> str:
    recording = store.begin(command)
    if test is not None:
        recording.run.data = {"test": store.data(str(test), rows=3)}
    recording.run.metrics = {"accuracy": 0.5}
    recording.end("done")
    return recording.run.id


def test_a_run_is_recorded_from_its_start_to_its_end(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs", ["train", "rows.csv"])
    recording = store.begin("train")
    (run,) = store.runs()
    assert (run.status, run.seconds, run.arguments) == ("running", None, ["train", "rows.csv"])
    recording.run.seed, recording.run.metrics = 13, {"accuracy": 0.9}
    recording.end("failed", "no rows")
    read = store.get(run.id)
    assert (read.status, read.error, read.seed, read.metrics) == ("failed", "no rows", 13, {"accuracy": 0.9})
    assert read.seconds is not None
    assert read.versions["glossator"]
    assert read == recording.run


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    one, _ = record_run(store, "train"), record_run(store, "train")
    assert store.get(one).id == one
    with pytest.raises(ConfigError, match="several runs"):
        store.get(one[:8])
    with pytest.raises(FileMissing, match="no such run"):
        store.get("1999")


def test_unreadable_records_are_not_listed_and_an_error_by_id(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    one = record_run(store)
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken" / RECORD).write_text('{"id": 1}')
    assert [run.id for run in store.runs()] == [one]
    with pytest.raises(CorpusError, match="cannot be read"):
        store.get("broken")


def test_test_rows_are_frozen_by_the_first_run_on_them(tmp_path: Path) -> None:
    store, test = RunStore(tmp_path / "runs"), tmp_path / "test.csv"
    test.write_text("text,label\na,b\n")
    store.check_frozen(str(test))
    run = record_run(store, test=test)
    store.check_frozen(str(test))
    test.write_text("text,label\na,c\n")
    with pytest.raises(ConfigError, match="has changed") as raised:
        store.check_frozen(str(test))
    assert run in (raised.value.expected or "")
    store.check_frozen(str(test), accept=True)
    record_run(store, test=test)  # accepted once, this content is expected from now on
    store.check_frozen(str(test))


def test_files_with_other_names_or_uses_are_not_frozen(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(name)
    recording = store.begin("train")
    recording.run.data = {"train": store.data(str(tmp_path / "train.csv"))}
    recording.end("done")
    (tmp_path / "train.csv").write_text("more")
    store.check_frozen(str(tmp_path / "train.csv"))
    store.check_frozen(str(tmp_path / "test.csv"))
    store.check_frozen("owner/a-dataset-of-the-hub")


def test_paths_are_relative_to_the_runs_so_that_a_project_can_move(tmp_path: Path) -> None:
    (tmp_path / "one/data").mkdir(parents=True)
    (tmp_path / "one/data/test.csv").write_text("a")
    record_run(RunStore(tmp_path / "one/runs"), test=tmp_path / "one/data/test.csv")
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "two/data/test.csv").write_text("b")
    with pytest.raises(ConfigError, match="has changed"):
        RunStore(tmp_path / "two/runs").check_frozen(str(tmp_path / "two/data/test.csv"))


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(OutputError, match="cannot be recorded"):
        RunStore(tmp_path / "runs").begin("train")


def test_a_record_is_json_with_its_format_version(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = record_run(store)
    fields = json.loads((tmp_path / "runs" / run / RECORD).read_text())
    assert fields["format_version"] == 1
    assert fields["data"] == {}
