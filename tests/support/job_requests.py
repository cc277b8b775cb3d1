"""Jobs submitted over HTTP."""

from __future__ import annotations

import time
from typing import Any

from starlette.testclient import TestClient

ROWS = ["money", "the parcel", "thanks", "", "money money the"]


def rows(count: int) -> bytes:
    return ("n,text\n" + "".join(f"{n},{ROWS[n % 5]}\n" for n in range(count))).encode()


def submit(client: TestClient, data: bytes = b"", name: str = "rows.csv", **fields: Any) -> Any:
    headers = fields.pop("headers", {})
    return client.post(
        "/v1/jobs", data={"model": "intents"} | fields, files={"file": (name, data or rows(5))}, headers=headers
    )


def wait_for_end(client: TestClient, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        body: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if body["state"] not in ("queued", "running"):
            return body
        time.sleep(0.1)
    raise AssertionError(f"the job has not ended: {body}")
