"""The models of this server, their details and their bundles."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from glossator.service.api.dependencies import StateDep
from glossator.service.api.models.model_catalog import ListedModel, unknown_model
from glossator.service.api.openapi_document import problem_responses
from glossator.service.api.schemas.models import ModelDetail, ModelList, ModelSummary, OpenAIModel
from glossator.service.api.security.access import ADMIN, INFER
from glossator.service.bundle.manifest import Manifest
from glossator.service.bundle.tar_stream import MEDIA_TYPE, TarStream
from glossator.service.bundle.task import Classifier, Task
from glossator.service.tasks.text_classification import DEFAULT_THRESHOLD

router = APIRouter(tags=["models"])

ModelName = Annotated[str, Path(description="A name that GET /v1/models lists.", examples=["intents"])]

UNKNOWN_MODEL = unknown_model("intent", ["intents", "tags"])


@router.get("/v1/models", summary="List the models", dependencies=[INFER])
async def models(state: StateDep) -> ModelList:
    """A summary of each model."""
    listed = state.models.listed()
    return ModelList(
        models=[_summary(each) for each in listed],
        data=[OpenAIModel(id=each.name, created=_training_time(each.manifest)) for each in listed],
    )


@router.get(
    "/v1/models/{name}",
    summary="Get one model",
    dependencies=[INFER],
    responses=problem_responses("/v1/models/intent", UNKNOWN_MODEL),
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


@router.get(
    "/v1/models/{name}/bundle",
    summary="Download the bundle of a model",
    dependencies=[ADMIN],  # a key for inference must not copy the model
    response_class=StreamingResponse,
    responses={
        200: {"description": "A tar archive", "content": {MEDIA_TYPE: {}}},
        **problem_responses("/v1/models/intent/bundle", UNKNOWN_MODEL),
    },
)
async def bundle(name: ModelName, state: StateDep) -> StreamingResponse:
    """The folder of a version (`NAME`, `NAME@ALIAS` or `NAME@DIGEST`) as a tar archive; it need not be loaded.

    Its ETag is the digest of the bundle. `glossator verify` checks it after the download.
    """
    folder, manifest = await to_thread.run_sync(state.models.locate, name)
    archive = TarStream(folder, manifest)
    headers = {
        "Content-Length": str(archive.size),
        "Content-Disposition": f'attachment; filename="{archive.filename}"',
        "ETag": f'"{manifest.digest}"',
    }
    return StreamingResponse(iter(archive), media_type=MEDIA_TYPE, headers=headers)


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
        backbone=None if listed.manifest.backbone is None else listed.manifest.backbone.digest,
    )


def _thresholds(task: Task) -> dict[str, float] | None:
    if not isinstance(task, Classifier) or task.problem_type != "multi_label_classification":
        return None
    return dict(zip(task.labels, task.calibration.thresholds or [DEFAULT_THRESHOLD] * len(task.labels), strict=True))
