"""Previews of files, and summaries of results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from job_requests import rows, submit, wait_for_end
from starlette.testclient import TestClient

MakeClient = Callable[..., TestClient]


@pytest.fixture
def client(make_client: MakeClient, tmp_path: Path) -> TestClient:
    return make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, job_lease_seconds=5.0)


def preview(client: TestClient, data: bytes, name: str = "rows.csv", status: int = 200, **fields: Any) -> Any:
    answer = client.post("/v1/jobs/preview", data={"model": "intents"} | fields, files={"file": (name, data)})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_preview_shows_what_a_job_would_read(client: TestClient, tmp_path: Path) -> None:
    found = preview(client, rows(60))
    assert (found["format"], found["delimiter"], found["columns"]) == ("csv", ",", ["n", "text"])
    assert (found["text_column"], found["text_reason"]) == ("text", "it is named 'text'")
    assert found["rows"][:2] == [{"cells": ["0", "money"]}, {"cells": ["1", "the parcel"]}]
    assert (len(found["rows"]), found["estimated_rows"]) == (8, 60)
    assert "problem" not in found
    for left in ("incoming", "jobs"):
        assert list((tmp_path / "jobs" / left).iterdir()) == []
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_preview_of_a_beginning_estimates_the_rows_of_the_whole_file(client: TestClient) -> None:
    data = rows(1_000)
    found = preview(client, data, total_bytes=10 * len(data))
    assert found["estimated_rows"] == pytest.approx(10_000, rel=0.01)
    assert preview(client, data)["estimated_rows"] == 1_000


def test_preview_shows_a_file_whose_text_column_is_not_clear(client: TestClient) -> None:
    found = preview(client, b"a,b\nx,y\nz,w\n")
    assert "text_column" not in found
    assert found["problem"]["code"] == "unknown-column"
    assert found["rows"][0]["cells"] == ["x", "y"]
    chosen = preview(client, b"a,b\nx,y\nz,w\n", text_column="b")
    assert (chosen["text_column"], chosen["text_reason"]) == ("b", "as requested")
    wrong = preview(client, b"a,b\nx,y\nz,w\n", text_column="c")
    assert wrong["problem"]["expected"] == "one of a, b"


def test_preview_warns_of_a_column_without_texts(client: TestClient) -> None:
    data = b"".join(b'{"id": %d, "body": "money for %d"}\n' % (n, n) for n in range(9))
    assert "has no texts" in preview(client, data, "rows.jsonl", text_column="id")["warning"]
    assert "warning" not in preview(client, data, "rows.jsonl")


def test_rows_that_cannot_be_read_are_shown_with_their_error(client: TestClient) -> None:
    found = preview(client, b'{"text": "money"}\n{"text": \n', "rows.jsonl")
    assert found["rows"][1]["cells"] == []
    assert found["rows"][1]["error"]["code"] == "unreadable-row"


@pytest.mark.parametrize("total_bytes", ["", "9999"])
def test_files_that_cannot_be_read_are_refused_with_a_hint(
    client: TestClient, tmp_path: Path, total_bytes: str
) -> None:
    good = b"text\nmoney\n"
    for data, name, fields, code in (
        (b" ", "rows.csv", {}, "input-error"),
        (b"", "rows.jsonl", {}, "input-error"),
        (bytes(range(256)) * 20, "rows.txt", {}, "undecodable-file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "rows.xlsx", {}, "undecodable-file"),
        (good, "rows.exe", {}, "config-error"),
        (good, "rows.csv", {"output_format": "docx"}, "config-error"),
        (good, "rows.csv", {"encoding": "utf-99"}, "config-error"),
        (good, "rows.csv", {"sample": "2"}, "invalid-request"),
        (good, "rows.csv", {"limit": "none"}, "invalid-request"),
    ):
        problem = preview(client, data, name, 422, total_bytes=total_bytes, **fields)
        assert problem["code"] == code, problem
        assert problem.get("hint") or problem.get("expected") or problem["faults"]
        assert str(tmp_path) not in json.dumps(problem)
        for left in ("incoming", "jobs"):
            assert list((tmp_path / "jobs" / left).iterdir()) == []


def test_no_error_shows_a_path_of_the_server(client: TestClient, tmp_path: Path) -> None:
    (row,) = preview(client, b"PK\x03\x04 a damaged archive", "../../my rows.zip")["rows"]
    assert row["error"]["message"] == "my rows.zip: the archive is damaged or truncated"
    assert str(tmp_path) not in json.dumps(row)


def test_preview_is_limited_in_size(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, max_upload_bytes=1_000)
    assert preview(client, rows(500), status=413)["code"] == "body-too-large"


@pytest.mark.parametrize("output_format", ["csv", "tsv", "jsonl", "parquet"])
def test_summary_has_errors_by_kind_and_the_mix_of_labels(client: TestClient, output_format: str) -> None:
    job_id = submit(client, rows(3_000), output_format=output_format, prefix="p_").json()["id"]
    assert wait_for_end(client, job_id)["state"] == "completed"
    found = client.get(f"/v1/jobs/{job_id}/summary").json()
    (kind,) = found["errors"]
    assert (kind["code"], kind["rows"]) == ("empty-text", 600)
    assert kind["examples"][0] == {"row": 4, "text": "", "message": kind["examples"][0]["message"]}
    assert [each["row"] for each in kind["examples"]] == [4, 9, 14]
    first, *_, without = found["first_rows"][:4]
    assert (first["row"], first["text"], first["answer"], first["error"]) == (1, "money", "refund", "")
    assert (without["answer"], without["score"], without["error"]) == ("", None, kind["examples"][0]["message"])
    labels = {each["label"]: each["rows"] for each in found["labels"]}
    assert sum(labels.values()) == found["read_rows"] == sum(found["scores"]) == 2_400
    assert labels["refund"] == 1_200
    assert len(found["scores"]) == 10


def test_summary_of_several_labels_and_of_other_formats(client: TestClient) -> None:
    job_id = submit(client, rows(10), model="tags", threshold="0.3").json()["id"]
    wait_for_end(client, job_id)
    labels = {each["label"]: each["rows"] for each in client.get(f"/v1/jobs/{job_id}/summary").json()["labels"]}
    assert labels["refund"] >= 4
    job_id = submit(client, rows(10), output_format="prodigy").json()["id"]
    wait_for_end(client, job_id)
    found = client.get(f"/v1/jobs/{job_id}/summary").json()
    assert found["errors"] == [{"code": "empty-text", "rows": 2, "examples": []}]
    assert found["labels"] == found["scores"] == []


def test_summary_belongs_to_the_key_of_the_job(make_client: MakeClient, tmp_path: Path) -> None:
    keys = ("first-key-of-some-length", "second-key-of-some-length")
    client = make_client(jobs=tmp_path / "jobs", free_disk_bytes=0, api_keys=keys)
    ann, bob = ({"Authorization": f"Bearer {key}"} for key in keys)
    job_id = submit(client, headers=ann).json()["id"]
    assert client.get(f"/v1/jobs/{job_id}/summary", headers=ann).status_code == 200
    assert client.get(f"/v1/jobs/{job_id}/summary", headers=bob).json()["code"] == "unknown-job"
    assert client.post("/v1/jobs/preview", files={"file": ("rows.csv", rows(5))}).status_code == 401


def test_document_describes_previews(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    form = document["components"]["schemas"]["PreviewForm"]
    assert {"file", "model", "text_column", "total_bytes"} <= set(form["properties"])
    assert "/v1/jobs/preview" in document["paths"]
