"""The routes of Cohere's API, under `/cohere`: `cohere.ClientV2(base_url=".../cohere")`."""

from __future__ import annotations

from fastapi import APIRouter

from glossator.service.api.dialects.cohere import classify, embed, rerank

PREFIX = "/cohere"

router = APIRouter()
router.routes.extend([*rerank.router.routes, *embed.router.routes, *classify.router.routes])
