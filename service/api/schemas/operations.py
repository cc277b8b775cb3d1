"""Responses of the routes for operations."""

from __future__ import annotations

from pydantic import BaseModel


class HealthStatus(BaseModel):
    """The response of the health routes."""

    status: str


class ReadinessStatus(HealthStatus):
    """The response of `/readyz`. `problems` is present if something needs the operator."""

    problems: list[str] = []


class RouteBody(BaseModel):
    """One route of the API."""

    method: str
    path: str
    summary: str


class RouteIndex(BaseModel):
    """The name, version and routes of this server."""

    name: str
    version: str
    openapi: str
    routes: list[RouteBody]
