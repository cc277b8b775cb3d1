"""The frames of the review pages: who reviews, hostile ids, and a server that keeps no files to label."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from glossator.service.api.security.key_changes import add_key

MakeClient = Callable[..., TestClient]


def settings_of(page: str) -> dict[str, Any]:
    """What the page tells its script."""
    found = re.search(r'id="queue-settings">(.*?)</script>', page, re.DOTALL)
    assert found
    settings: dict[str, Any] = json.loads(found[1])
    return settings


def test_the_reviewer_is_the_name_of_the_key(make_client: MakeClient, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    label, infer = (add_key(keys, name, [name], None) for name in ("label", "infer"))
    client = make_client(key_file=keys)
    page = client.get("/ui/review/period%3Atickets", headers={"Authorization": f"Bearer {label}"})
    assert settings_of(page.text)["reviewer"] == "label"
    assert 'id="reviewer"' not in page.text
    assert client.get("/ui/review", headers={"Authorization": f"Bearer {infer}"}).status_code == 403


@pytest.mark.parametrize("queue", ["file:</script><script>alert(1)</script>", 'period:"x"&y', "file:תווית 🙂", "odd"])
def test_ids_of_queues_are_escaped(make_client: MakeClient, queue: str) -> None:
    page = make_client().get("/ui/review/" + queue.replace("/", "%2F")).text
    if "/" in queue:  # no path of a queue
        assert "<script>alert" not in page
        return
    settings = settings_of(page)
    assert settings["queue"] == queue
    assert settings["reviewer"] is None
    assert 'id="reviewer"' in page


def test_a_server_that_keeps_no_files_says_how_to_start_it(make_client: MakeClient) -> None:
    page = make_client().get("/ui/review/files/new").text
    assert "--reviews FOLDER" in page
    assert "<form" not in page.split("<main")[1]
