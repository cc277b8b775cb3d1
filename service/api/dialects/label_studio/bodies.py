"""Request bodies of Label Studio."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.api.schemas.requests import FirstFault

Config = Annotated[str | None, Field(max_length=1_000_000)]


class LabelStudioTask(BaseModel):
    """A task of a project: its data, and further fields that are ignored."""

    model_config = ConfigDict(extra="allow")

    data: dict[str, Any]


class LabelStudioPredict(BaseModel):
    """Tasks to label and the labelling configuration of their project."""

    tasks: Annotated[list[LabelStudioTask], FirstFault()]
    label_config: Config = None


class LabelStudioSetup(BaseModel):
    """A project that is connected, with its labelling configuration."""

    schema_: Annotated[Config, Field(alias="schema")] = None


BODIES = (LabelStudioPredict, LabelStudioSetup)
