"""OpenTelemetry, where it is installed and asked for: a span a request, in the trace that its `traceparent` names.

It is asked for by OTEL_EXPORTER_OTLP_ENDPOINT, as OpenTelemetry's own variables go. Spans carry the route, the status
and the model's name; never a text.
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
NAME = "glossator"

Span = Callable[[Scope], AbstractContextManager[Any]]


def spans(version: str, exporter: Any = None) -> Span | None:
    """What makes the span of a request; None where no traces are asked for. `exporter` stands in for OTLP's.

    Raises ExtraMissing where they are asked for and OpenTelemetry is not installed.
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
            "opentelemetry.exporter.otlp.proto.http.trace_exporter", "tracing",
            package="opentelemetry-exporter-otlp-proto-http", extra="otel",
        )  # fmt: skip
        processor = export.BatchSpanProcessor(otlp.OTLPSpanExporter())
    else:
        processor = export.SimpleSpanProcessor(exporter)
    provider = sdk.TracerProvider(
        resource=resources.Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", NAME)})
    )
    provider.add_span_processor(processor)
    tracer = provider.get_tracer(NAME, version)
    carried = propagation.TraceContextTextMapPropagator()

    def span(scope: Scope) -> AbstractContextManager[Any]:
        context = carried.extract(dict(Headers(scope=scope)))
        attributes = {"http.request.method": scope["method"]}
        made: AbstractContextManager[Any] = tracer.start_as_current_span(
            scope["method"], context=context, kind=trace.SpanKind.SERVER, attributes=attributes
        )
        return made

    return span


def untraced(_: Scope) -> AbstractContextManager[Any]:
    """In the place of spans, where none are asked for."""
    return nullcontext()
