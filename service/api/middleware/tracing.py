"""OpenTelemetry tracing: one span per request, in the trace of its `traceparent` header.

Tracing is on if OTEL_EXPORTER_OTLP_ENDPOINT is set. Spans carry the route, the status and the model's name, never a
text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from glossator.service.optional_packages import import_optional

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACER_NAME = "glossator"

SpanFactory = Callable[[Scope], AbstractContextManager[Any]]


def span_factory(version: str, exporter: Any = None) -> SpanFactory | None:
    """The function that opens the span of a request, or None if tracing is off. `exporter` replaces the OTLP exporter.

    Raises ExtraMissing if tracing is on and OpenTelemetry is not installed.
    """
    if exporter is None and not os.environ.get(ENDPOINT):
        return None
    trace = import_optional("opentelemetry.trace", "tracing", package="opentelemetry-sdk", extra="otel")
    sdk = import_optional("opentelemetry.sdk.trace", "tracing", package="opentelemetry-sdk", extra="otel")
    export = import_optional("opentelemetry.sdk.trace.export", "tracing", package="opentelemetry-sdk", extra="otel")
    resources = import_optional("opentelemetry.sdk.resources", "tracing", package="opentelemetry-sdk", extra="otel")
    propagation = import_optional(
        "opentelemetry.trace.propagation.tracecontext", "tracing", package="opentelemetry-sdk", extra="otel"
    )
    if exporter is None:
        otlp = import_optional(
            "opentelemetry.exporter.otlp.proto.http.trace_exporter",
            "tracing",
            package="opentelemetry-exporter-otlp-proto-http",
            extra="otel",
        )
        processor = export.BatchSpanProcessor(otlp.OTLPSpanExporter())
    else:
        processor = export.SimpleSpanProcessor(exporter)
    provider = sdk.TracerProvider(
        resource=resources.Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", TRACER_NAME)})
    )
    provider.add_span_processor(processor)
    tracer = provider.get_tracer(TRACER_NAME, version)
    propagator = propagation.TraceContextTextMapPropagator()

    def span(scope: Scope) -> AbstractContextManager[Any]:
        context = propagator.extract(dict(Headers(scope=scope)))
        attributes = {"http.request.method": scope["method"]}
        opened: AbstractContextManager[Any] = tracer.start_as_current_span(
            scope["method"], context=context, kind=trace.SpanKind.SERVER, attributes=attributes
        )
        return opened

    return span


def no_span(_: Scope) -> AbstractContextManager[Any]:
    """Open no span: tracing is off."""
    return nullcontext()
