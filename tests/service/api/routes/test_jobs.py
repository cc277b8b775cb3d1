from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from job_requests import rows, submit, wait_for_end
from starlette.testclient import TestClient

from glossator.service.api.settings import Settings
from glossator.service.api.transport.multipart import MAX_FIELDS_BYTES
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.label_file import label_file

MakeClient = Callable[..., TestClient]


@pytest.fixture
def client(make_client: MakeClient, tmp_path: Path) -> TestClient:
    return make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, job_lease_seconds=5.0)


def supervisor(client: TestClient) -> Any:
    app = client.app
    assert isinstance(app, FastAPI)
    return app.state.service.jobs.supervisor


def test_file_is_labelled_as_on_the_command_line(
    client: TestClient, served_models: dict[str, Model], tmp_path: Path
) -> None:
    answer = submit(client, rows(3_000))
    assert answer.status_code == 202, answer.text
    created = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{created['id']}"
    assert (created["state"], created["filename"], created["estimated_rows"]) == ("queued", "rows.csv", 3_000)
    job = wait_for_end(client, created["id"])
    assert (job["state"], job["rows"], job["failed"], job["errors"]) == ("completed", 3_000, 600, {"empty-text": 600})
    assert job["version"] == served_models["intents"].digest
    (tmp_path / "rows.csv").write_bytes(rows(3_000))
    label_file(
        FileLabelling(source=str(tmp_path / "rows.csv"), output=str(tmp_path / "out.csv")), served_models["intents"]
    )
    result = client.get(f"/v1/jobs/{created['id']}/result")
    assert result.content == (tmp_path / "out.csv").read_bytes()
    assert hashlib.sha256(result.content).hexdigest() == job["result_sha256"]
    assert result.headers["content-type"] == "text/csv; charset=utf-8"
    assert result.headers["content-disposition"] == 'attachment; filename="rows-labelled.csv"'
    assert len(result.content) == job["result_bytes"]


def test_result_supports_range_requests(client: TestClient) -> None:
    job_id = submit(client, rows(100)).json()["id"]
    wait_for_end(client, job_id)
    whole = client.get(f"/v1/jobs/{job_id}/result")
    etag = whole.headers["etag"]
    middle = client.get(f"/v1/jobs/{job_id}/result", headers={"Range": "bytes=10-29", "If-Range": etag})
    assert middle.status_code == 206
    assert middle.content == whole.content[10:30]
    assert middle.headers["content-range"] == f"bytes 10-29/{len(whole.content)}"
    tail = client.get(f"/v1/jobs/{job_id}/result", headers={"Range": "bytes=-7"})
    assert tail.content == whole.content[-7:]
    assert client.get(f"/v1/jobs/{job_id}/result", headers={"Range": "bytes=999999-"}).status_code == 416


def test_result_that_was_changed_on_disk_is_refused(client: TestClient, tmp_path: Path) -> None:
    """files <- path traversal: a link to a file of the system, a longer file, a missing file."""
    job_id = submit(client, rows(5)).json()["id"]
    wait_for_end(client, job_id)
    result = tmp_path / "jobs" / "jobs" / job_id / "result-1.csv"
    content = result.read_bytes()
    (tmp_path / "moved.csv").write_bytes(content)

    def refused() -> str:
        answer = client.get(f"/v1/jobs/{job_id}/result")
        assert (answer.status_code, answer.json()["code"]) == (409, "job-conflict")
        assert str(tmp_path) not in answer.text
        return str(answer.json()["found"])

    result.unlink()
    assert refused() == "result-1.csv: missing"
    result.symlink_to(tmp_path / "moved.csv")
    assert refused() == "result-1.csv: a link"
    result.unlink()
    result.write_bytes(content + b"more")
    assert refused() == f"{len(content) + 4:,} bytes"
    result.write_bytes(content)
    assert client.get(f"/v1/jobs/{job_id}/result").content == content


def test_link_instead_of_a_finished_part_is_not_sent(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    supervisor(client)._plan = _no_workers(supervisor(client)._plan)
    job_id = submit(client, rows(5)).json()["id"]
    parts = tmp_path / "jobs" / "jobs" / job_id / "parts"
    parts.mkdir()
    (parts / "head").symlink_to("/etc/hostname")
    answer = client.get(f"/v1/jobs/{job_id}/result", params={"partial": "true"})
    assert (answer.status_code, answer.json()["code"]) == (409, "job-conflict")


def test_options_are_those_of_the_label_command(client: TestClient) -> None:
    data = gzip.compress(b'{"body": "money"}\n{"body": "parcel"}\n')
    job_id = submit(
        client, data, "rows.jsonl.gz", text_column="body", output_format="jsonl", coverage="0.9", truncate="true",
    ).json()["id"]  # fmt: skip
    job = wait_for_end(client, job_id)
    assert job["state"] == "failed", job
    assert "coverage" in json.dumps(job["error"])
    job_id = submit(client, data, "rows.jsonl.gz", text_column="body", prefix="p_", limit="1").json()["id"]
    assert wait_for_end(client, job_id)["rows"] == 1
    (row,) = [json.loads(line) for line in client.get(f"/v1/jobs/{job_id}/result").text.splitlines()]
    assert row["p_label"] == "refund"


def test_events_follow_the_job_until_its_end(client: TestClient) -> None:
    job_id = submit(client, rows(5_000)).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    events = [block for block in text.split("\n\n") if block.startswith("id:")]
    names = [block.split("\n")[1] for block in events]
    bodies = [json.loads(block.split("\n")[2].removeprefix("data: ")) for block in events]
    assert names == ["event: progress"] * (len(names) - 1) + ["event: completed"]
    assert bodies[-1]["rows"] == 5_000
    assert [body["rows"] for body in bodies] == sorted(body["rows"] for body in bodies)
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        assert "event: completed" in "".join(stream.iter_text())


def test_same_idempotency_key_creates_one_job(client: TestClient) -> None:
    first = submit(client, headers={"Idempotency-Key": "k"})
    again = submit(client, headers={"Idempotency-Key": "k"})
    assert first.json()["id"] == again.json()["id"]
    other = submit(client, rows(6), headers={"Idempotency-Key": "k"})
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency-conflict"
    assert submit(client, headers={"Idempotency-Key": "x" * 256}).status_code == 422
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_jobs_are_listed_page_by_page(client: TestClient) -> None:
    ids = [submit(client).json()["id"] for _ in range(3)]
    for job_id in ids:
        wait_for_end(client, job_id)
    page = client.get("/v1/jobs", params={"limit": 2}).json()
    assert [job["id"] for job in page["jobs"]] == ids[:0:-1]
    assert page["more"]
    rest = client.get("/v1/jobs", params={"limit": 2, "after": page["jobs"][-1]["id"]}).json()
    assert [job["id"] for job in rest["jobs"]] == ids[:1]
    assert not rest["more"]
    assert client.get("/v1/jobs", params={"state": "failed"}).json() == {"jobs": [], "more": False}
    assert client.get("/v1/jobs", params={"state": "odd"}).status_code == 422


def test_job_is_cancelled_retried_and_deleted(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    supervisor(client)._plan = _no_workers(supervisor(client)._plan)
    job_id = submit(client).json()["id"]
    assert client.get(f"/v1/jobs/{job_id}/result").status_code == 409
    assert client.post(f"/v1/jobs/{job_id}/retry").json()["code"] == "job-conflict"
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/v1/jobs/{job_id}/retry").json()["state"] == "queued"
    partial = client.get(f"/v1/jobs/{job_id}/result", params={"partial": "true"})
    assert partial.text == ""  # no attempt has begun, and the server itself never reads the input
    assert partial.headers["x-rows"] == "0"
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert not (tmp_path / "jobs" / "jobs" / job_id).exists()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/result"),
                         ("GET", "/events")):  # fmt: skip
        answer = client.request(method, f"/v1/jobs/{job_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-job")


def _no_workers(plan: Any) -> Any:
    from dataclasses import replace

    return replace(plan, workers=0)


def test_jobs_are_visible_only_to_their_key(make_client: MakeClient, tmp_path: Path) -> None:
    """jobs <- other tenants: 404, not 403."""
    keys = ("first-key-of-some-length", "second-key-of-some-length")
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, api_keys=keys)
    ann, bob = ({"Authorization": f"Bearer {key}"} for key in keys)
    job_id = submit(client, headers=ann).json()["id"]
    assert client.get(f"/v1/jobs/{job_id}", headers=ann).status_code == 200
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/result"),
                         ("GET", "/events")):  # fmt: skip
        assert client.request(method, f"/v1/jobs/{job_id}{path}", headers=bob).status_code == 404
    assert client.get("/v1/jobs", headers=bob).json()["jobs"] == []
    assert client.get("/v1/jobs").status_code == 401


def test_killed_worker_is_replaced_and_no_row_is_lost(client: TestClient) -> None:
    """R4, R5: however often the worker is killed, every row is in the result exactly once."""
    job_id = submit(client, rows(40_000)).json()["id"]
    killed = 0
    until = time.monotonic() + 60
    while killed < 3 and time.monotonic() < until:
        body = client.get(f"/v1/jobs/{job_id}").json()
        if body["state"] == "completed":
            break
        pids = list(supervisor(client).processes.values())
        if body["state"] == "running" and body["rows"] > killed * 2_000 and pids:
            os.kill(pids[0], signal.SIGKILL)
            killed += 1
        time.sleep(0.01)
    job = wait_for_end(client, job_id, 120)
    assert killed
    assert (job["state"], job["rows"], job["attempt"]) == ("completed", 40_000, killed + 1)
    found = list(csv.DictReader(io.StringIO(client.get(f"/v1/jobs/{job_id}/result").text)))
    assert [int(row["n"]) for row in found] == list(range(40_000))


def test_jobs_continue_after_a_server_restart(make_client: MakeClient, tmp_path: Path) -> None:
    first = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    supervisor(first)._plan = _no_workers(supervisor(first)._plan)
    job_id = submit(first, rows(50)).json()["id"]
    first.__exit__(None, None, None)
    second = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    assert wait_for_end(second, job_id)["rows"] == 50


@pytest.mark.parametrize(
    ("fields", "name", "status", "code"),
    [
        ({"model": "nobody"}, "rows.csv", 404, "unknown-model"),
        ({"sample": "2"}, "rows.csv", 422, "invalid-request"),
        ({"colour": "red"}, "rows.csv", 422, "invalid-request"),
        ({"limit": "many"}, "rows.csv", 422, "invalid-request"),
        ({"model": ["intents", "tags"]}, "rows.csv", 422, "invalid-request"),
        ({}, "rows.exe", 422, "config-error"),
        ({"output_format": "docx"}, "rows.csv", 422, "config-error"),
        ({"threshold": "0.5"}, "rows.csv", 422, "config-error"),
        ({"labels": ["a", "b"]}, "rows.csv", 422, "config-error"),
        ({"second_column": "b"}, "rows.csv", 422, "config-error"),
        ({"webhook": "https://evil.test/"}, "rows.csv", 422, "config-error"),
        ({"output_format": "docbin"}, "rows.csv", 422, "config-error"),
    ],
)  # fmt: skip
def test_invalid_jobs_are_refused_at_once(
    client: TestClient, tmp_path: Path, fields: dict[str, Any], name: str, status: int, code: str
) -> None:
    answer = submit(client, rows(5), name, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert list((tmp_path / "jobs" / "incoming").iterdir()) == list((tmp_path / "jobs" / "jobs").iterdir()) == []
    assert client.get("/v1/jobs").json()["jobs"] == []


FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b"--b\r\nContent-Disposition: form-data; name="


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{}", {"Content-Type": "application/json"}, "unsupported-media-type"),
        (b"", {"Content-Type": "multipart/form-data"}, "unsupported-media-type"),
        (b"", FORM, "malformed-body"),
        (b"nonsense", FORM, "malformed-body"),
        (b"--b\r\n\r\nx\r\n--b--", FORM, "malformed-body"),
        (PART + b'"model"\r\n\r\nintents\r\n--b--', FORM, "malformed-body"),
        (PART + b'"file"; filename="a.csv"\r\n\r\ntext\nmon', FORM, "malformed-body"),
        (PART + b'"x"; filename="a.csv"\r\n\r\nt\r\n--b--', FORM, "malformed-body"),
        (PART + b'"m"\r\n\r\n' + b"x" * (MAX_FIELDS_BYTES + 1) + b"\r\n--b--", FORM, "body-too-large"),
        (b"--b\r\n" + b"h: x\r\n" * 10_000, FORM, "malformed-body"),
    ],
)
def test_forms_that_cannot_be_read_are_refused(
    client: TestClient, tmp_path: Path, body: bytes, headers: dict[str, str], code: str
) -> None:
    answer = client.post("/v1/jobs", content=body, headers=headers)
    assert answer.json()["code"] == code
    assert list((tmp_path / "jobs" / "incoming").iterdir()) == []


def test_file_names_of_clients_are_never_opened(client: TestClient, tmp_path: Path) -> None:
    """files <- path traversal: the server creates the ids and only shows the names of clients."""
    for name in ("../../../etc/cron.csv", "/etc/x.csv", "..\\..\\x.csv", "a\x00b.csv", "é🙂.csv", "con.csv"):
        answer = submit(client, rows(5), name)
        assert answer.status_code == 202, (name, answer.text)
        job = wait_for_end(client, answer.json()["id"])
        assert job["state"] == "completed"
        found = sorted(path.name for path in (tmp_path / "jobs" / "jobs" / job["id"]).iterdir())
        assert found == ["input.csv", "parts", "result-1.csv"]
        header = client.get(f"/v1/jobs/{job['id']}/result").headers["content-disposition"]
        assert "/" not in header
        assert "\\" not in header


def test_upload_above_the_limit_is_refused_early(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, max_upload_bytes=1_000)
    answer = submit(client, rows(500))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    assert list((tmp_path / "jobs" / "incoming").iterdir()) == []


def test_upload_that_would_fill_the_disk_is_refused(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=1 << 60)
    answer = submit(client)
    assert (answer.status_code, answer.json()["code"]) == (507, "no-room")


def test_server_without_a_jobs_folder_says_how_to_set_one(make_client: MakeClient) -> None:
    client = make_client()
    for path in ("/v1/jobs", "/v1/jobs/x/result", "/v1/files", "/v1/batches"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "jobs-off")
        assert "--jobs" in answer.json()["hint"]


def test_job_of_a_missing_model_says_what_it_waits_for(
    make_client: MakeClient, served_models: dict[str, Model], tmp_path: Path
) -> None:
    first = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0)
    supervisor(first)._plan = _no_workers(supervisor(first)._plan)
    job_id = submit(first).json()["id"]
    second = make_client({"tags": served_models["tags"]}, jobs=tmp_path / "jobs", free_disk_bytes=0)
    waits = second.get(f"/v1/jobs/{job_id}").json()["waiting_for"]
    assert served_models["intents"].digest[:12] in waits


def test_webhook_is_retried_until_it_succeeds(make_client: MakeClient, tmp_path: Path) -> None:
    received: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(503 if len(received) == 1 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        host = f"127.0.0.1:{server.server_port}"
        secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
        client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, webhook_hosts=host, webhook_secret=secret)
        job_id = submit(client, webhook=f"http://{host}/ended").json()["id"]
        wait_for_end(client, job_id)
        until = time.monotonic() + 30
        while len(received) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        assert len(received) == 2
        assert received[0] == received[1]
        assert json.loads(received[0])["data"]["id"] == job_id
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_webhooks_need_a_secret() -> None:
    with pytest.raises(ConfigError, match="invalid settings") as caught:
        Settings(webhook_hosts="a.test")
    assert "WEBHOOK_SECRET" in str(caught.value)
    with pytest.raises(ConfigError) as weak:
        Settings(webhook_hosts="a.test", webhook_secret="hunter2")
    assert "hunter2" not in str(weak.value)


def test_document_describes_the_jobs(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    form = document["components"]["schemas"]["JobForm"]
    assert {"file", "model", "text_column", "labels", "webhook"} <= set(form["properties"])
    assert set(form["required"]) == {"file", "model"}
    assert {"/v1/jobs", "/v1/jobs/{job_id}/result", "/v1/batches", "/v1/files"} <= set(document["paths"])
    identifiers = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(identifiers)) == len(identifiers)
