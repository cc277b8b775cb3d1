"""The models of this server and their details."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path

from glossator.service.api.dependencies import StateDep
from glossator.service.api.model_catalog import ListedModel, unknown_model
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.schemas.models import ModelDetail, ModelList, ModelSummary, OpenAIModel
from glossator.service.api.security.access import INFER
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD

router = APIRouter(tags=["models"], dependencies=[INFER])

ModelName = Annotated[str, Path(description="A name that GET /v1/models lists.", examples=["intents"])]

UNKNOWN_MODEL = unknown_model("intent", ["intents", "tags"])


@router.get("/v1/models", summary="List the models")
async def models(state: StateDep) -> ModelList:
    """A summary of each model."""
    listed = state.models.listed()
    return ModelList(
        models=[_summary(each) for each in listed],
        data=[OpenAIModel(id=each.name, created=_training_time(each.manifest)) for each in listed],
    )


@router.get(
    "/v1/models/{name}", summary="Get one model", responses=problem_responses("/v1/models/intent", UNKNOWN_MODEL)
)
async def model(name: ModelName, state: StateDep) -> ModelDetail:
    """Labels, thresholds, encoding, evaluation results, verification, speed and provenance of a model."""
    found = state.model(name)
    task, manifest = found.task, found.bundle.manifest
    return ModelDetail(
        **_summary(ListedModel(name, found.digest, manifest, is_loaded=True)).model_dump(),
        id=name,
        created=_training_time(manifest),
        labels=task.labels,
        thresholds=_thresholds(task),
        temperature=task.calibration.temperature if isinstance(task, Classifier) else None,
        max_length=task.encoding.max_length,
        stride=task.encoding.stride,
        precision_reason=manifest.served.reason,
        trained=task.provenance.created,
        evaluation=manifest.evaluation,
        verification=manifest.verification,
        cascade=manifest.cascade,
        speed=manifest.speed,
        provenance=task.provenance,
    )


def _training_time(manifest: Manifest) -> int:
    """When the model was trained, in seconds since 1970; 0 if its provenance has no time."""
    try:
        return int(datetime.fromisoformat(manifest.task.provenance.created).timestamp())
    except ValueError:
        return 0


def _summary(listed: ListedModel) -> ModelSummary:
    task = listed.manifest.task
    return ModelSummary(
        name=listed.name,
        version=listed.digest,
        task=task.task,
        problem_type=getattr(task, "problem_type", None),
        label_count=len(task.labels),
        precision=listed.manifest.served.precision,
        loaded=listed.is_loaded,
        measured=listed.manifest.verification.measured,
    )


def _thresholds(task: Task) -> dict[str, float] | None:
    if not isinstance(task, Classifier) or task.problem_type != "multi_label_classification":
        return None
    return dict(zip(task.labels, task.calibration.thresholds or [DEFAULT_THRESHOLD] * len(task.labels), strict=True))
