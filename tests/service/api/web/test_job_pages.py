"""The pages of jobs without a browser: progress, words and escaping."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from job_requests import rows, submit, wait_for_end
from starlette.testclient import TestClient

from glossator.service.api.web.jobs.error_hints import hint_for
from glossator.service.api.web.jobs.job_view import format_bytes, in_words, view_job, view_summary
from glossator.service.api.web.jobs.progress import ProgressTracker, expected_rows
from glossator.service.jobs.records import Job, State
from glossator.service.jobs.result_summary import ResultSummary
from glossator.service.labelling.summary import RowCounts

MakeClient = Callable[..., TestClient]


def job(state: State = "running", rows: int = 0, **values: Any) -> Job:
    known: dict[str, Any] = {
        "id": "job_1", "owner": "ann", "model": "intents", "digest": "d" * 64, "options": {}, "settings": {},
        "filename": "a.csv", "input": "input.csv", "input_sha256": "0" * 64, "input_bytes": 9_509,
        "estimated_rows": 10_000, "keep_seconds": 9.0, "state": state, "attempt": 1, "strikes": 0, "losses": 0,
        "loss": None, "suspect": None, "worker": None, "beat": 1, "counts": RowCounts(rows), "result": None,
        "result_sha256": None, "result_bytes": None, "error": None, "created": 0.0, "started": 100.0,
        "finished": None, "expires": 1_000.0,
    }  # fmt: skip
    return Job(**known | values)


def test_speed_is_that_of_the_last_rows_seen() -> None:
    tracker = ProgressTracker()
    first = tracker.observe(job(rows=1_000), 110.0)
    assert (first.share, first.rows_per_second, first.seconds_left) == (0.1, 100.0, 90.0)  # since the start
    for second in range(1, 60):
        found = tracker.observe(job(rows=1_000 + 50 * second), 110.0 + second)
    assert found.rows_per_second == pytest.approx(50.0)
    assert found.seconds_left == pytest.approx((10_000 - 3_950) / 50)


def test_speed_of_a_retried_job_is_not_that_since_its_first_start() -> None:
    tracker = ProgressTracker()
    assert tracker.observe(job(rows=5_000, attempt=2), 9_000.0).rows_per_second is None
    assert tracker.observe(job(rows=5_200, attempt=2), 9_002.0).rows_per_second == 100.0


def test_expected_rows_follow_the_options() -> None:
    assert expected_rows(job(options={"limit": 50})) == 50
    assert expected_rows(job(options={"sample": 0.1})) == 1_000
    assert expected_rows(job(estimated_rows=None)) is None
    assert expected_rows(job("completed", rows=93)) == 93
    assert ProgressTracker().observe(job(rows=20_000), 110.0).share == 0.99


def test_states_have_words_and_possible_actions() -> None:
    def view(found: Job) -> Any:
        return view_job(found, {"d" * 64}, ProgressTracker().observe(found, 110.0))

    seen = view(job(rows=1_000))
    assert (seen.word, seen.rows, seen.speed, seen.left) == (
        "Running", "1,000 of about 10,000 rows", "100 rows/s", "about 1 min 30 s left",
    )  # fmt: skip
    done = job("completed", counts=RowCounts(93, errors={"empty-text": 1}), finished=103.0, result_bytes=22_286)
    seen = view(done)
    assert (seen.kind, seen.word, seen.retry, seen.duration, seen.result_size) == (
        "warn", "Finished with errors", "Retry 1 row", "3 s", "22.3 kB",
    )  # fmt: skip
    assert view(job("completed", rows=93)).retry == ""
    assert view(job("cancelled")).retry == "Continue"
    assert view(job("failed", filename="..\\x/y.csv")).name == "y.csv"


def test_numbers_are_written_for_people() -> None:
    assert [in_words(each) for each in (0.2, 59.4, 60, 3_599, 7_260)] == [
        "less than 1 s", "59 s", "1 min", "59 min 59 s", "2 h 1 min",
    ]  # fmt: skip
    assert [format_bytes(each) for each in (0, 1_000, 1_500_000, 5 * 10**15)] == [
        "0 bytes", "1.0 kB", "1.5 MB", "5000.0 TB",
    ]  # fmt: skip
    assert hint_for("new-error").title == "New error"


def test_most_labels_are_folded() -> None:
    labels = {f"label {number}": 500 - number for number in range(500)}
    seen = view_summary(ResultSummary([], labels, [], 1_000))
    assert (len(seen.labels), len(seen.more_labels)) == (12, 488)
    assert (seen.labels[0].percent, seen.labels[0].length) == (50.0, 1.0)


def test_pages_show_hostile_names_as_text(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    name = "<img src=x onerror=alert(1)>\"'\u202e🙂" + "x" * 500 + ".csv"
    job_id = submit(client, rows(5), name).json()["id"]
    wait_for_end(client, job_id)
    for path in ("", "/list", f"/{job_id}", f"/{job_id}/part"):
        page = client.get(f"/ui/jobs{path}").text
        assert "<img src=x" not in page
        assert "<img src=x onerror=alert(1)>" in html.unescape(page.replace("<wbr>", ""))
    assert "The text is empty" in page
    assert client.get("/ui/jobs/job_0").status_code == 404


def test_list_has_pages(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    ids = [submit(client, rows(1), limit=str(number + 1)).json()["id"] for number in range(21)]
    first = client.get("/ui/jobs").text
    assert first.count('class="job"') == 20
    assert f"/ui/jobs?after={ids[1]}" in first
    older = client.get(f"/ui/jobs?after={ids[1]}").text
    assert older.count('class="job"') == 1
    assert "Newest jobs" in older
    assert f'data-live="/ui/jobs/list?after={ids[1]}"' in older


def test_page_without_jobs_says_how_to_turn_them_on(make_client: MakeClient) -> None:
    client = make_client()
    assert "glossator serve MODEL --jobs FOLDER" in client.get("/ui/jobs").text
    assert client.get("/ui/jobs/list").status_code == 404
