"""Requests of each dialect are counted under a route of their own."""

from __future__ import annotations

from starlette.testclient import TestClient


def test_the_routes_of_dialects_have_their_prefix_in_the_metrics(client: TestClient) -> None:
    client.post("/hf/intents", json={"inputs": "money"})
    client.post("/tei/intents/predict", json={"inputs": "money"})
    client.get("/none/intents")
    counted = client.get("/metrics").text
    for method, route in (("POST", "/hf/{name}"), ("POST", "/tei/{name}/predict"), ("GET", "unmatched")):
        assert f'glossator_request_seconds_count{{method="{method}",route="{route}"' in counted
