"""ASGI middleware around every request: request ids and metrics, tracing, compression."""
