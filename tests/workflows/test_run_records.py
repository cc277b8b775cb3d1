from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, CorpusError, FileMissing, InferenceError, OutputError
from glossator.workflows.reporter import Reporter
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


@pytest.mark.parametrize("error", [ConfigError("no such option"), CorpusError("no rows"), FileMissing("no such file")])
def test_a_refused_command_is_no_run(tmp_path: Path, error: Exception) -> None:
    store = RunStore(tmp_path / "runs")
    with pytest.raises(type(error)), store.record("train", Reporter()):
        raise error
    assert not (tmp_path / "runs").exists()
    kept = record_run(store)
    with pytest.raises(type(error)), store.record("train", Reporter()):
        raise error
    assert [run.id for run in store.runs()] == [kept]


def test_a_run_that_fails_at_work_is_kept(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    with pytest.raises(InferenceError), store.record("train", Reporter()):
        raise InferenceError("the loss is NaN")
    assert [(run.status, run.error) for run in store.runs()] == [("failed", "the loss is NaN")]


KILLED = """
import os, signal, sys
from pathlib import Path
from glossator.workflows.run_records import RunStore
RunStore(Path(sys.argv[1])).begin("train")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_whose_process_was_killed_is_shown_as_interrupted(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    running = store.begin("train")
    subprocess.run([sys.executable, "-c", KILLED, str(store.folder)], check=False)
    statuses = {run.id: run.status for run in store.runs()}
    assert statuses.pop(running.run.id) == "running"
    assert list(statuses.values()) == ["interrupted"]
    running.end("done")
    assert store.get(running.run.id).status == "done"


class Stages(Reporter):
    """Keeps the stages."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)


def fail_on_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    fill_disk(monkeypatch)
    raise OutputError("the checkpoint cannot be written")


def test_a_full_disk_at_the_end_does_not_hide_the_error_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, reporter = RunStore(tmp_path / "runs"), Stages()
    with pytest.raises(OutputError, match="the checkpoint cannot be written"), store.record("train", reporter):
        fail_on_a_full_disk(monkeypatch)
    assert "the run cannot be recorded: No space left on device" in reporter.stages[0]


def test_a_full_disk_at_the_end_does_not_fail_a_run_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, reporter = RunStore(tmp_path / "runs"), Stages()
    with store.record("train", reporter):
        fill_disk(monkeypatch)
    assert "the run cannot be recorded" in reporter.stages[0]


@pytest.mark.parametrize("argument", ["rows\udcff.csv", "a\u2028b", "\x9b31m"])
def test_any_argument_is_recorded(tmp_path: Path, argument: str) -> None:
    store = RunStore(tmp_path / "runs", ["train", argument])
    run = record_run(store)
    assert store.get(run).arguments == ["train", argument]
    assert (store.folder / run / RECORD).read_text().replace("\n", "").isprintable()
