"""Spans, as OpenTelemetry's in-memory exporter receives them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from glossator.service.api.app import create_app
from glossator.service.api.middleware import tracing
from glossator.service.api.middleware.request_middleware import RequestMiddleware
from glossator.service.api.monitoring.metrics import Metrics
from glossator.service.api.settings import Settings
from glossator.service.inference.model import Model

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def post(served_models: dict[str, Model], exporter: InMemorySpanExporter, path: str, body: Any) -> Any:
    inner = create_app(served_models, Settings())
    open_span = tracing.span_factory("1", exporter)
    assert open_span is not None
    metrics = Metrics(list, "1")
    app = Starlette(middleware=[Middleware(RequestMiddleware, metrics=metrics, open_span=open_span)])
    app.mount("/", inner)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with TestClient(inner):
        return TestClient(app, base_url="http://127.0.0.1:8000").post(path, json=body, headers=headers)


def test_span_continues_the_trace_and_contains_no_text(served_models: dict[str, Model], exporter: Any) -> None:
    answer = post(served_models, exporter, "/v1/models/intents/predict", {"text": "money secret-words"})
    assert answer.status_code == 200
    (span,) = exporter.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.attributes["http.response.status_code"] == 200
    assert "secret-words" not in span.to_json()


def test_error_is_named_in_the_span(served_models: dict[str, Model], exporter: Any) -> None:
    post(served_models, exporter, "/v1/models/intents/predict", {"text": ""})
    (span,) = exporter.get_finished_spans()
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == ("empty-text", 422)


def test_tracing_is_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.ENDPOINT, raising=False)
    assert tracing.span_factory("1") is None
    with tracing.no_span({"type": "http"}) as span:
        assert span is None
