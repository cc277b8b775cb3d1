"""OpenAI's own client against a server in a process of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import server

openai = pytest.importorskip("openai")


@pytest.fixture(scope="module")
def client(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("jobs")
    with (
        server(*bundles.values(), jobs=folder, free_disk_bytes=0, max_upload_bytes=1_000_000) as running,
        openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made


def request(custom_id: str, text: object, url: str = "/v1/models/intents/predict", **body: object) -> dict[str, object]:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": {"text": text} | body}


def lines(*requests: dict[str, object] | str) -> bytes:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in requests).encode()


def uploaded(client: Any, data: bytes) -> Any:
    return client.files.create(file=("requests.jsonl", data), purpose="batch")


def done(client: Any, batch: Any) -> Any:
    until = time.monotonic() + 60
    while batch.status in ("validating", "in_progress", "finalizing") and time.monotonic() < until:
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    return batch


def read(client: Any, file_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_nulls_and_unknown_fields_mean_nothing(client: Any) -> None:
    url = "/v1/models/tags/predict"
    file = uploaded(client, lines(request("a", "thanks", url, threshold=None, user="me"), request("b", "thanks", url)))
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint=url,
        completion_window="24h",
        metadata=None,
        extra_body={"output_expires_after": {"anchor": "created_at", "seconds": 3600}},
    )
    batch = done(client, batch)
    first, second = read(client, batch.output_file_id)
    assert first["response"]["body"] == second["response"]["body"]


def test_batch_is_answered_request_by_request(client: Any) -> None:
    file = uploaded(
        client,
        lines(request("a", "money"), request("b", ""), "no json", request("c", "the parcel"), request("a", 7)),
    )
    assert (file.object, file.purpose, file.filename) == ("file", "batch", "requests.jsonl")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/models/intents/predict", completion_window="24h", metadata={"run": "1"}
    )
    assert batch.object == "batch"
    batch = done(client, batch)
    assert batch.status == "completed"
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (5, 2, 3)
    assert batch.metadata == {"run": "1"}
    output, errors = read(client, batch.output_file_id), read(client, batch.error_file_id)
    assert [line["custom_id"] for line in output] == ["a", "c"]
    assert [line["custom_id"] for line in errors] == ["b", "row-2", "a"]
    assert [line["error"]["code"] for line in errors] == ["empty-text", "unreadable-row", "unreadable-row"]
    alone = client.post("/models/intents/predict", body={"texts": ["money", "the parcel"]}, cast_to=object)
    for line, native in zip(output, alone["results"], strict=True):
        (result,) = line["response"]["body"]["results"]
        assert line["response"]["status_code"] == 200
        assert result["label"] == native["labels"][0]
        assert result["score"] == pytest.approx(native["scores"][0]["score"], abs=1e-9)
        assert result["tokens"] == native["tokens"]
    assert client.files.retrieve(batch.output_file_id).purpose == "batch_output"
    assert batch.id in [each.id for each in client.batches.list(limit=5)]


def test_options_of_the_first_request_hold_for_all(client: Any) -> None:
    url = "/v1/models/tags/predict"
    file = uploaded(
        client,
        lines(
            request("a", "money", url, threshold=0.999),
            request("b", "money", url, threshold=0.999),
            request("c", "money", url, threshold=0.1),
            request("d", "money"),
        ),
    )
    batch = done(client, client.batches.create(input_file_id=file.id, endpoint=url, completion_window="24h"))
    assert [line["response"]["body"]["results"][0]["labels"] for line in read(client, batch.output_file_id)] == [[], []]
    errors = read(client, batch.error_file_id)
    assert [line["custom_id"] for line in errors] == ["c", "d"]
    assert "other options" in errors[0]["error"]["message"]
    assert "another route" in errors[1]["error"]["message"]


def test_file_may_go_while_its_batch_runs(client: Any) -> None:
    file = uploaded(client, lines(request("a", "money")))
    assert client.files.content(file.id).content == lines(request("a", "money"))
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/models/intents/predict", completion_window="24h")
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert done(client, batch).status == "completed"
    assert file.id not in [each.id for each in client.files.list()]


def test_batch_that_has_ended_cannot_be_cancelled(client: Any) -> None:
    file = uploaded(client, lines(request("a", "money")))
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/models/intents/predict", completion_window="24h")
    done(client, batch)
    with pytest.raises(openai.ConflictError) as caught:
        client.batches.cancel(batch.id)
    assert caught.value.code == "job-conflict"


@pytest.mark.parametrize(
    ("data", "endpoint", "message"),
    [
        (b"", "/v1/models/intents/predict", "first line of the file is not a valid request"),
        (b"no json\n", "/v1/models/intents/predict", "first line of the file is not a valid request"),
        (lines(request("a", "x")), "/v1/embeddings", "differs from the endpoint"),
        (lines(request("a", "x", "/v1/chat/completions")), "/v1/chat/completions", "batches do not support"),
        (lines(request("a", "x", "/v1/models/nobody/predict")), "/v1/models/nobody/predict", "no model has this name"),
        (lines(request("a", "x", temperature=1)), "/v1/models/intents/predict", "temperature"),
        (lines(request("a", "x", threshold=0.5)), "/v1/models/intents/predict", "threshold"),
    ],
)
def test_batches_that_cannot_be_answered_are_refused(client: Any, data: bytes, endpoint: str, message: str) -> None:
    file = uploaded(client, data)
    with pytest.raises((openai.UnprocessableEntityError, openai.NotFoundError), match=message) as caught:
        client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
    assert caught.value.type == "invalid_request_error"


def test_errors_have_openais_form(client: Any) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune")
    assert caught.value.param == "purpose"
    with pytest.raises(openai.NotFoundError) as missing:
        client.batches.retrieve("batch_none")
    assert missing.value.code == "unknown-job"
    with pytest.raises(openai.APIStatusError) as large:
        uploaded(client, b"x" * 1_100_000)
    assert large.value.status_code == 413
    with pytest.raises(openai.NotFoundError):
        client.files.content("batch_none-output")
