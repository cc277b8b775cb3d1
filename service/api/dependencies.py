"""What routes take as parameters: the state of the app, its jobs, and the owner of the request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from glossator.service.api.job_service import JobService
from glossator.service.api.state import AppState

LOCAL_OWNER = "local"
"""The owner of jobs on a server that asks for no key."""


# Dependencies are async, because FastAPI runs others in a thread.
async def get_state(request: Request) -> AppState:
    """The state of the app that received the request."""
    state = request.app.state.service
    assert isinstance(state, AppState)
    return state


async def get_jobs(request: Request) -> JobService:
    """The jobs of the app. Their routes exist only where there are jobs."""
    state = await get_state(request)
    assert state.jobs is not None
    return state.jobs


async def get_owner(request: Request) -> str:
    """The owner of what the request creates."""
    return owner_of(request)


def owner_of(request: Request) -> str:
    """The name of the key that the request carries."""
    return getattr(request.state, "owner", LOCAL_OWNER)


StateDep = Annotated[AppState, Depends(get_state)]
JobsDep = Annotated[JobService, Depends(get_jobs)]
OwnerDep = Annotated[str, Depends(get_owner)]
