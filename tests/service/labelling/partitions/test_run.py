"""Labelling in parts gives the rows of one labelling, also after processes were killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glossator.service.errors import ConfigError, GlossatorError, JobError, OutputError
from glossator.service.inference.model import Model, load
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions
from glossator.service.labelling.label_file import label_file
from glossator.service.labelling.partitions.local_processes import LocalProcesses
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob, PartWorker
from glossator.service.labelling.partitions.planning import plan_parts, write_part
from glossator.service.labelling.partitions.run import PartsSummary, label_parts
from glossator.service.labelling.partitions.storage import Storage
from glossator.service.labelling.summary import RowCounts

ROOT = Path(__file__).resolve().parents[4]
TEXTS = ["money", "the parcel", "thanks", "", "money é 日本語"]


class SameProcess:
    """An executor that labels in this process; it stops before a part if asked."""

    def __init__(self, model: Model, *, stop_before: int | None = None) -> None:
        self._model, self._stop_before = model, stop_before
        self.labelled: list[int] = []

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
        worker = PartWorker(job, self._model)
        for part in parts:
            if part.index == self._stop_before:
                raise KeyboardInterrupt
            self.labelled.append(part.index)
            try:
                yield part, worker.label(part)
            except GlossatorError as error:
                yield part, error


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> Model:
    return load(bundles["intents"], threads=1)


def rows(count: int) -> list[dict[str, object]]:
    return [{"n": n, "text": TEXTS[n % 5]} for n in range(count)]


def write(path: Path, count: int = 100, *, end: str = "\n") -> Path:
    if path.suffix == ".jsonl":
        path.write_bytes("".join(json.dumps(row, ensure_ascii=False) + end for row in rows(count)).encode())
    elif path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, ["n", "text"], lineterminator=end, quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows(count))
    else:
        pq.write_table(pa.Table.from_pylist(rows(count)), path, row_group_size=30)
    return path


def outputs(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*"))


def records(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in outputs(folder) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.parquet"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_parts_hold_each_row_once_and_as_one_labelling_does(
    name: str, end: str, model: Model, tmp_path: Path
) -> None:
    source = write(tmp_path / name, end=end)
    job = FileLabelling(source=str(source), output=str(tmp_path / "out"))
    summary = label_parts(job, model, SameProcess(model), part_bytes=700)
    assert summary.parts == len(outputs(tmp_path / "out")) > 1
    label_file(replace(job, output=str(tmp_path / "one.jsonl")), model)
    expected = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    found = records(tmp_path / "out")
    assert [row | {"_row_id": 0} for row in found] == [row | {"_row_id": 0} for row in expected]
    assert (summary.rows, summary.failed) == (100, 20)
    assert json.loads((tmp_path / "out" / "_complete.json").read_text())["rows"] == 100


def test_each_output_is_that_of_its_part_labelled_alone(model: Model, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl")
    job = FileLabelling(source=str(source), output=str(tmp_path / "out"))
    label_parts(job, model, SameProcess(model), suffix=".csv", part_bytes=900)
    storage = Storage(str(source))
    parts, _ = plan_parts(storage, InputOptions(), part_bytes=900)
    for part, output in zip(parts, outputs(tmp_path / "out"), strict=True):
        alone = tmp_path / f"{part.name}.csv"
        label_file(FileLabelling(source=write_part(storage, part, tmp_path), output=str(alone)), model)
        assert output.read_bytes() == alone.read_bytes()


def test_the_files_of_a_folder_are_parts_in_the_order_of_their_names(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b.jsonl", "a.jsonl"):
        (folder / name).write_text(json.dumps({"text": name}) + "\n")
    label_parts(FileLabelling(source=str(folder), output=str(tmp_path / "out")), model, SameProcess(model))
    assert [row["text"] for row in records(tmp_path / "out")] == ["a.jsonl", "b.jsonl"]


def test_a_table_with_rows_of_several_lines_is_refused_and_labelled_whole(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("n,text\n" + '1,"a\nb"\n' * 50)
    job = FileLabelling(source=str(source), output=str(tmp_path / "out"))
    with pytest.raises(ConfigError, match="cannot be cut into parts"):
        label_parts(job, model, SameProcess(model), part_bytes=100)
    assert label_parts(job, model, SameProcess(model), part_bytes=0).rows == 50


def test_an_interrupted_labelling_resumes_after_the_complete_parts(model: Model, tmp_path: Path) -> None:
    job = FileLabelling(source=str(write(tmp_path / "in.jsonl")), output=str(tmp_path / "out"))
    with pytest.raises(KeyboardInterrupt):
        label_parts(job, model, SameProcess(model, stop_before=2), part_bytes=900)
    assert not (tmp_path / "out" / "_complete.json").exists()
    (tmp_path / "out" / "part-00000.jsonl").unlink()  # a record alone does not make a part complete
    second = SameProcess(model)
    summary = label_parts(job, model, second, part_bytes=900)
    assert second.labelled == [0, *range(2, summary.parts)]
    assert [row["n"] for row in records(tmp_path / "out")] == list(range(100))


def test_another_labelling_in_the_folder_is_refused_unless_fresh(model: Model, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl")
    job = FileLabelling(source=str(source), output=str(tmp_path / "out"))
    label_parts(job, model, SameProcess(model), part_bytes=900)
    write(source, 50)
    with pytest.raises(ConfigError, match="another input"):
        label_parts(job, model, SameProcess(model), part_bytes=900)
    label_parts(job, model, SameProcess(model), part_bytes=900, fresh=True)
    assert [row["n"] for row in records(tmp_path / "out")] == list(range(50))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        label_parts(replace(job, output=str(tmp_path / "other")), model, SameProcess(model))


def test_a_file_that_changes_fails_its_part_and_the_others_are_kept(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        write(folder / name, 5)
    parts, _ = plan_parts(Storage(str(folder)), InputOptions())

    class Changing(SameProcess):
        def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
            write(folder / "b.jsonl", 6)
            yield from super().run(job, parts)

    job = FileLabelling(source=str(folder), output=str(tmp_path / "out"))
    with pytest.raises(JobError, match="1 of 2 parts failed"):
        label_parts(job, model, Changing(model))
    assert [path.name for path in outputs(tmp_path / "out")] == ["part-00000.jsonl"]
    assert len(parts) == 2


class CountedRecord(PartRecord):
    """A record that counts how often its counts are read."""

    reads = 0

    def __getattribute__(self, name: str) -> object:
        if name == "counts":
            CountedRecord.reads += 1
        return super().__getattribute__(name)


class FakeParts:
    """An executor that labels nothing: each part has two rows, and every tenth part one error."""

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
        for part in parts:
            counts = RowCounts(2, 5, 2, 0, {} if part.index % 10 else {"empty-text": 1})
            yield part, CountedRecord(part.index, "", 0, "", counts, 0.0)


def test_the_counts_after_each_part_are_linear_in_the_parts(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    job = FileLabelling(source=str(source), output=str(tmp_path / "out"))
    reads = {}
    for count in (1_000, 10_000):
        source.write_text('{"text": "a"}\n' * count)
        CountedRecord.reads = 0
        shown: list[PartsSummary] = []
        summary = label_parts(job, model, FakeParts(), part_bytes=1, fresh=True, progress=shown.append)
        reads[count] = CountedRecord.reads
        assert [each.finished for each in shown] == list(range(1, count + 1))
        assert [each.rows for each in shown] == list(range(2, 2 * count + 1, 2))
        assert [each.failed for each in shown] == [1 + (finished - 1) // 10 for finished in range(1, count + 1)]
        assert (summary.labelled, summary.tokens) == (2 * count - count // 10, 5 * count)
        assert summary.errors == {"empty-text": count // 10}
    assert reads[10_000] == 10 * reads[1_000] <= 5 * 10_000


def test_lost_processes_are_replaced_and_a_killed_command_resumes(
    bundles: dict[str, Path], model: Model, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.jsonl", 12_000)
    out = tmp_path / "out"
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from glossator.service.inference.model import load\n"
        "from glossator.service.labelling.file_labelling import FileLabelling\n"
        "from glossator.service.labelling.partitions.local_processes import LocalProcesses\n"
        "from glossator.service.labelling.partitions.run import label_parts\n"
        "if __name__ == '__main__':\n"
        "    source, out, bundle = sys.argv[1:]\n"
        "    label_parts(FileLabelling(source=source, output=out), load(bundle, threads=1),\n"
        "                LocalProcesses(Path(bundle), 2), part_bytes=60_000)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    process = subprocess.Popen([sys.executable, str(script), str(source), str(out), str(bundles["intents"])], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while not list(out.glob("_done/*.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    killed = []

    class OneLost(LocalProcesses):
        def _start(self, *arguments):  # type: ignore[no-untyped-def]
            each = super()._start(*arguments)
            if not killed:
                killed.append(each.process.pid)
                each.process.kill()
            return each

    job = FileLabelling(source=str(source), output=str(out))
    deadline = time.monotonic() + 30
    while True:
        try:  # the processes of the killed command may need a moment to end
            summary = label_parts(job, model, OneLost(bundles["intents"], 2), part_bytes=60_000)
            break
        except JobError:
            if time.monotonic() > deadline:
                raise
    assert killed
    assert summary.resumed >= 1
    assert [row["n"] for row in records(out)] == list(range(12_000))
    assert not list(out.glob("*.unfinished"))
    assert not list(out.glob(".*"))
