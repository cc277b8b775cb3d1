from __future__ import annotations

import csv
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from submit_job import submit_job

from glossator.service.errors import BundleInvalid, ConfigError
from glossator.service.inference.model import Model, load
from glossator.service.jobs.job_files import JobFiles
from glossator.service.jobs.job_options import LabelOptions, input_name, make_labelling, output_ending
from glossator.service.jobs.records import Job
from glossator.service.jobs.storage.store import Store
from glossator.service.jobs.workers.attempt import MOST_LOSSES, STRIKES, attempt
from glossator.service.jobs.workers.time_slice import TimeSlice
from glossator.service.labelling.chunks import CHUNK_ROWS
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.label_file import label_file

from ..conftest import NEW

ROWS = 2 * CHUNK_ROWS + 100


@pytest.fixture(scope="module")
def model(bundles: dict[str, Path]) -> Model:
    return load(bundles["intents"], threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path / "store", free_bytes=0)


def rows(count: int = ROWS) -> bytes:
    texts = ["money", "the parcel", "thanks", "", "money money the"]
    return ("n,text\n" + "".join(f"{n},{texts[n % 5]}\n" for n in range(count))).encode()


def run(store: Store, folder: JobFiles, model: Model, **further: Any) -> Job | None:
    claim = store.claim("w", [model.digest], 60)
    assert claim is not None
    return attempt(store, folder, claim, lambda _: model, lease=60, **further)


def result_path(folder: JobFiles, job: Job) -> Path:
    assert job.result is not None
    return folder.job(job.id) / job.result


def by_hand(data: bytes, name: str, model: Model, tmp_path: Path, output: str) -> bytes:
    """What `glossator label` makes of the same file."""
    (tmp_path / name).write_bytes(data)
    label_file(FileLabelling(source=str(tmp_path / name), output=str(tmp_path / output)), model)
    return (tmp_path / output).read_bytes()


def test_job_gives_what_the_command_line_gives(store: Store, folder: JobFiles, model: Model, tmp_path: Path) -> None:
    job_id = submit_job(store, folder, model, rows())
    job = run(store, folder, model)
    assert job is not None
    assert (job.state, job.counts.rows, job.counts.errors) == ("completed", ROWS, {"empty-text": -(-(ROWS - 3) // 5)})
    result = result_path(folder, job)
    assert result.read_bytes() == by_hand(rows(), "rows.csv", model, tmp_path, "out.csv")
    assert job.result_sha256 == hashlib.sha256(result.read_bytes()).hexdigest()
    assert [each.number for each in store.chunks(job_id)] == [0, 1, 2]


@pytest.mark.parametrize("output", ["jsonl", "parquet", "csv.gz", "prodigy"])
def test_results_come_in_other_formats(store: Store, folder: JobFiles, model: Model, output: str) -> None:
    submit_job(store, folder, model, rows(10), output_format=output)
    job = run(store, folder, model)
    assert job is not None
    assert job.state == "completed", job.error
    assert job.result == {"jsonl": "result-1.jsonl", "parquet": "result-1.parquet", "csv.gz": "result-1.csv.gz",
                          "prodigy": "result-1.jsonl"}[output]  # fmt: skip


def test_attempt_that_was_stopped_is_gone_on_with(store: Store, folder: JobFiles, model: Model, tmp_path: Path) -> None:
    job_id = submit_job(store, folder, model, rows())
    asked = iter([False] * 3 + [True] * 9)
    assert run(store, folder, model, stopping=lambda: next(asked)) is None
    there = store.get(job_id)
    assert there.state == "queued"
    assert there.strikes == 0
    job = run(store, folder, model)
    assert job is not None
    assert (job.state, job.attempt, job.counts.rows) == ("completed", 2, ROWS)
    result = result_path(folder, job)
    assert result.read_bytes() == by_hand(rows(), "rows.csv", model, tmp_path, "out.csv")


def test_part_that_was_lost_is_done_again(store: Store, folder: JobFiles, model: Model, tmp_path: Path) -> None:
    job_id = submit_job(store, folder, model, rows())
    claim = store.claim("w", [model.digest], 60)
    assert claim is not None
    _broken_off_after(2, store, folder, model, claim)
    lost, kept, *_ = store.chunks(job_id)
    (folder.parts(job_id) / lost.part).write_bytes(b"not what it was")
    store.lapse("w")
    job = run(store, folder, model)
    assert job is not None
    result = result_path(folder, job)
    assert result.read_bytes() == by_hand(rows(), "rows.csv", model, tmp_path, "out.csv")
    assert job.counts.rows == ROWS
    assert [each.part for each in store.chunks(job_id)][1] == kept.part


def _broken_off_after(chunks: int, store: Store, folder: JobFiles, model: Model, claim: Job) -> None:
    """An attempt whose worker dies after `chunks` chunks without reporting it."""

    class Dead(BaseException):
        pass

    def stopping() -> bool:
        if len(store.chunks(claim.id)) >= chunks:
            raise Dead
        return False

    with pytest.raises(Dead):
        attempt(store, folder, claim, lambda _: model, lease=60, stopping=stopping)


def test_stale_attempt_neither_writes_nor_ends_the_job(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows())
    late = store.claim("late", [model.digest], 0.01)
    assert late is not None
    time.sleep(0.05)
    job = run(store, folder, model)
    assert job is not None
    assert attempt(store, folder, late, lambda _: model, lease=0.01) is None
    after = store.get(job_id)
    assert (after.state, after.attempt, after.result_sha256) == ("completed", 2, job.result_sha256)
    result = result_path(folder, after)
    assert hashlib.sha256(result.read_bytes()).hexdigest() == after.result_sha256
    assert all((folder.parts(job_id) / each.part).is_file() for each in store.chunks(job_id))


def test_cancelled_job_ends_at_the_next_chunk(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows())
    first = iter([True])

    def stopping() -> bool:
        if next(first, False):
            store.cancel(job_id)
        return False

    assert run(store, folder, model, stopping=stopping) is None
    assert store.get(job_id).state == "cancelled"


def test_chunk_that_ends_its_worker_again_and_again_is_given_up(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows())
    for strike in range(STRIKES):
        claim = store.claim("w", [model.digest], 60)
        assert claim is not None
        assert claim.strikes == strike
        if strike:
            store.suspect(claim, 0)
        store.lapse("w")
    job = run(store, folder, model)
    assert job is not None
    assert job.state == "completed"
    assert job.counts.errors["chunk-failed"] == CHUNK_ROWS
    result = result_path(folder, job)
    with open(result, newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == ROWS
    assert found[0]["_error"].startswith("chunk-failed: labelling these rows ended the worker 3 times")
    assert found[CHUNK_ROWS]["_status"] == "ok"
    # Tried again, the chunk is computed.
    store.retry(job_id)
    again = run(store, folder, model)
    assert again is not None
    assert "chunk-failed" not in again.counts.errors


def test_input_that_ends_its_worker_fails_the_job_before_it_is_opened_again(
    store: Store, folder: JobFiles, model: Model
) -> None:
    """Strikes are counted before anything of the job is read, even its model."""
    submit_job(store, folder, model, rows(5))
    for _ in range(STRIKES):
        assert store.claim("w", [model.digest], 60) is not None
        store.lapse("w", "ended by SIGSEGV")
    claim = store.claim("w", [model.digest], 60)
    assert claim is not None

    def unused(_: str) -> Model:
        raise AssertionError

    job = attempt(store, folder, claim, unused, lease=60)
    assert job is not None
    assert job.error is not None
    assert (job.state, job.error["message"], job.error["found"]) == (
        "failed",
        "the job ended its worker 3 times before another chunk was finished",
        "3 attempts; the last one: ended by SIGSEGV",
    )


def test_job_that_ends_its_worker_at_chunk_after_chunk_fails(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows())
    with store._transaction() as execute:
        execute("UPDATE jobs SET losses = :losses WHERE id = :id", {"losses": MOST_LOSSES, "id": job_id})
    job = run(store, folder, model)
    assert job is not None
    assert job.error is not None
    assert job.error["message"] == "the job ended its worker too often"


@pytest.mark.parametrize(("name", "data"), [("rows.csv", b"n,text\n"), ("rows.jsonl", b"\n\n")])
def test_file_without_rows_is_an_error_and_not_an_empty_result(
    store: Store, folder: JobFiles, model: Model, name: str, data: bytes
) -> None:
    submit_job(store, folder, model, data, name)
    job = run(store, folder, model)
    assert job is not None
    assert job.state == "failed"


def test_job_returns_to_the_queue_after_its_time_slice(
    store: Store, folder: JobFiles, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs of others go on meanwhile, and no row is lost."""
    monkeypatch.setattr("glossator.service.jobs.workers.attempt.TimeSlice", OneChunk)
    job_id = submit_job(store, folder, model, rows(1_000), chunk_rows=100)
    assert run(store, folder, model, others_wait=lambda: True) is None
    waiting = store.get(job_id)
    assert (waiting.state, waiting.strikes, waiting.counts.rows) == ("queued", 0, 100)
    job = run(store, folder, model, others_wait=lambda: False)
    assert job is not None
    assert (job.state, job.counts.rows, job.losses) == ("completed", 1_000, 0)


class OneChunk(TimeSlice):
    """A slice that is over after one chunk."""

    def is_over(self, done: int) -> bool:
        return done > self._done and self._others_wait()


def test_link_instead_of_the_input_is_not_followed(
    store: Store, folder: JobFiles, model: Model, tmp_path: Path
) -> None:
    job_id = submit_job(store, folder, model, rows(5))
    source = folder.job(job_id) / "input.csv"
    source.rename(tmp_path / "moved.csv")
    source.symlink_to(tmp_path / "moved.csv")
    job = run(store, folder, model)
    assert job is not None
    assert job.error is not None
    assert (job.error["message"], job.error["found"]) == ("a file of the job was changed on disk", "input.csv: a link")


def test_link_instead_of_the_result_is_not_written_through(
    store: Store, folder: JobFiles, model: Model, tmp_path: Path
) -> None:
    job_id = submit_job(store, folder, model, rows(5))
    (tmp_path / "precious").write_text("precious")
    (folder.job(job_id) / "result-1.csv").symlink_to(tmp_path / "precious")
    job = run(store, folder, model)
    assert job is not None
    assert job.state == "completed"
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (folder.job(job_id) / "result-1.csv").is_symlink()


def test_everything_in_the_folder_of_a_job_is_private(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows(2_000))
    run(store, folder, model)
    found = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.job(job_id).rglob("*")}
    assert found == {
        "input.csv": "0o600", "parts": "0o700", "head": "0o600", "00000000-1.part": "0o600",
        "00000001-1.part": "0o600", "result-1.csv": "0o600",
    }  # fmt: skip


def test_leftovers_of_killed_attempts_are_removed(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows(5))
    assert store.claim("w", [model.digest], 60) is not None
    store.lapse("w")
    folder.parts(job_id).mkdir()
    for name in (
        "result-1.csv",
        ".result-1.csv.0a1b2c3d.part",
        "parts/00000000-1.part",
        "parts/.00000000-1.part.0a.part",
    ):
        (folder.job(job_id) / name).write_text("left")
    run(store, folder, model)
    there = sorted(str(path.relative_to(folder.job(job_id))) for path in folder.job(job_id).rglob("*"))
    assert there == ["input.csv", "parts", "parts/00000000-2.part", "parts/head", "result-2.csv"]


def test_errors_end_the_job_and_say_why(store: Store, folder: JobFiles, model: Model) -> None:
    def failed(data: bytes, name: str = "rows.csv", **options: Any) -> dict[str, Any]:
        submit_job(store, folder, model, data, name, **options)
        job = run(store, folder, model)
        assert job is not None
        assert job.state == "failed"
        assert job.error is not None
        return dict(job.error)

    assert failed(rows(5), text_column="words")["code"] == "unknown-column"
    assert failed(rows(50), max_error_rate=0.1)["code"] == "job-error"
    assert failed(b"PAR1 no", "rows.parquet")["code"] == "undecodable-file"
    assert "at most 100 times" in failed(gzip.compress(b"a\n" * (20 << 20)), "lines.txt.gz")["expected"]
    error = failed(b"\x00\xff" * 100, "rows.csv.gz")
    assert error["code"] == "undecodable-file"
    assert str(folder.root) not in json.dumps(error)


def test_what_is_wrong_with_the_worker_ends_the_job_without_its_inside(
    store: Store, folder: JobFiles, model: Model
) -> None:
    def fails_with(error: Exception) -> dict[str, Any]:
        submit_job(store, folder, model, rows(5))
        claim = store.claim("w", [model.digest], 60)
        assert claim is not None

        def shelf(_: str) -> Model:
            raise error

        job = attempt(store, folder, claim, shelf, lease=60)
        assert job is not None
        assert job.error is not None
        return dict(job.error)

    assert "memory" in fails_with(MemoryError())["message"]
    assert fails_with(ValueError("a text"))["message"] == "the worker failed"
    assert fails_with(BundleInvalid("the bundle does not verify"))["code"] == "bundle-invalid"


def test_file_that_was_changed_is_not_labelled(store: Store, folder: JobFiles, model: Model) -> None:
    job_id = submit_job(store, folder, model, rows(5))
    (folder.job(job_id) / store.get(job_id).input).write_bytes(rows(6))
    job = run(store, folder, model)
    assert job is not None
    assert job.error is not None
    assert "uploaded file has changed on disk" in job.error["message"]


def test_lease_is_renewed_while_a_chunk_is_computed(store: Store, folder: JobFiles, model: Model) -> None:
    submit_job(store, folder, model, rows(5))
    claim = store.claim("w", [model.digest], 1.5)
    assert claim is not None
    went = threading.Event()

    def slow(_: str) -> Model:
        went.set()
        time.sleep(3.0)
        return model

    found: list[Job | None] = []
    thread = threading.Thread(target=lambda: found.append(attempt(store, folder, claim, slow, lease=1.5)))
    thread.start()
    went.wait()
    for _ in range(5):
        time.sleep(0.5)
        assert store.claim("v", [model.digest], 60) is None
    thread.join()
    assert found[0] is not None
    assert found[0].state == "completed"


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("rows.csv", {}, ("input.csv", ".csv")),
        ("Rows.TSV.GZ", {}, ("input.tsv.gz", ".tsv")),
        ("../../etc/passwd.jsonl", {}, ("input.jsonl", ".jsonl")),
        ("C:\\data\\a.b.parquet", {"output_format": "csv"}, ("input.parquet", ".csv")),
        ("docs.tar.gz", {}, ("input.tar.gz", ".jsonl")),
        ("paper.pdf", {"output_format": "jsonl.zst"}, ("input.pdf", ".jsonl.zst")),
        ("noname", {"input_format": "txt"}, ("input", ".jsonl")),
        ("rows.xlsx", {"output_format": "label-studio"}, ("input.xlsx", ".jsonl")),
    ],
)
def test_names_of_files_are_ours(name: str, options: dict[str, Any], expected: tuple[str, str]) -> None:
    asked = LabelOptions(**options)
    assert (input_name(name, asked), output_ending(asked, input_name(name, asked))) == expected


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rows.exe", {}, "cannot be detected from the file name"),
        ("", {}, "cannot be detected from the file name"),
        ("rows.csv", {"input_format": "foo"}, "this input format is not supported"),
        ("rows.csv", {"output_format": "docx"}, "this output format is not supported"),
        ("rows.csv", {"hypothesis": "it is {}"}, "need labels"),
    ],
)
def test_options_that_cannot_be_used_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    asked = LabelOptions(**options)
    act: Callable[[], object] = lambda: make_labelling(  # noqa: E731
        replace(NEW, input=input_name(name, asked), options=asked.model_dump(exclude_defaults=True))
    )
    with pytest.raises(ConfigError, match=message):
        act()
