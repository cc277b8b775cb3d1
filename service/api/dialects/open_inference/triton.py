"""Triton's extensions: the configuration and the statistics of a model, and the list of models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families

from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS
from glossator.service.api.dialects.open_inference.errors import OpenInferenceRoute
from glossator.service.api.dialects.open_inference.outputs import PLATFORM, outputs_of
from glossator.service.api.dialects.open_inference.routes import metadata
from glossator.service.api.routes.models import ModelName
from glossator.service.api.security.access import INFER
from glossator.service.inference.encoding import reads_pairs

router = APIRouter(
    prefix="/v2", tags=["open-inference"], responses=ERRORS, route_class=OpenInferenceRoute, dependencies=[INFER]
)

_LOADED = {"state": "READY", "reason": ""}
_NOT_LOADED = {"state": "UNAVAILABLE", "reason": "loaded on the first request"}
_TYPES = {"BYTES": "TYPE_STRING", "FP32": "TYPE_FP32", "FP64": "TYPE_FP64", "INT64": "TYPE_INT64"}
_STAGES = {"queue": "queue", "compute_input": "encode", "compute_infer": "run", "compute_output": "rest"}
"""Triton's name of a stage to ours."""
_Values = dict[tuple[str, str, str], float]
"""Sums of samples by name, model and stage."""


@router.post("/repository/index", summary="List the models, in Triton's format")
async def index(state: StateDep) -> list[dict[str, str]]:
    """Return each model with its served version."""
    return [
        {"name": each.name, "version": each.digest} | (_LOADED if each.is_loaded else _NOT_LOADED)
        for each in state.models.listed()
    ]


@router.get("/models/{name}/config", summary="Configuration of a model, in Triton's format")
@router.get("/models/{name}/versions/{version}/config", summary="Configuration of a model version, in Triton's format")
async def config(name: ModelName, state: StateDep, version: str | None = None) -> dict[str, Any]:
    """Return inputs, outputs and instances. `max_batch_size` is 0, so the first dimension is the number of texts."""
    model = state.model(name, version)
    inputs = ["text", "text_pair"] if reads_pairs(model.task) else ["text"]
    return {
        "name": name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": [{"name": each, "data_type": _TYPES["BYTES"], "dims": [-1]} for each in inputs],
        "output": [
            {"name": each, "data_type": _TYPES[kind], "dims": [-1, *further]}
            for each, kind, further in outputs_of(model.task)
        ],
        "instance_group": [{"name": name, "kind": "KIND_CPU", "count": model.threads}],
    }


@router.get("/models/stats", summary="Statistics of all models, in Triton's format")
async def all_stats(state: StateDep) -> dict[str, Any]:
    """Return counts and times of every loaded model since the start of the server; a model of this name comes first."""
    if "stats" in state.models.names:
        return await metadata("stats", state)
    values = await to_thread.run_sync(_values, state.metrics.exposition)
    return {"model_stats": [_statistics(name, model.digest, values) for name, model in state.models.loaded()]}


@router.get("/models/{name}/stats", summary="Statistics of a model, in Triton's format")
@router.get("/models/{name}/versions/{version}/stats", summary="Statistics of a model version, in Triton's format")
async def stats(name: ModelName, state: StateDep, version: str | None = None) -> dict[str, Any]:
    """Return counts and times since the start of the server; all versions of a model are counted together.

    `fail` counts refused and late calls, for which Triton has no separate place.
    """
    model = state.model(name, version)
    values = await to_thread.run_sync(_values, state.metrics.exposition)
    return {"model_stats": [_statistics(name.partition("@")[0], model.digest, values)]}


def _values(exposition: Any) -> _Values:
    """The sums over all replicas of every sample in the text format of Prometheus."""
    values: _Values = {}
    for family in text_string_to_metric_families(exposition().decode("utf-8")):
        for sample in family.samples:
            key = (sample.name, sample.labels.get("model", ""), sample.labels.get("stage", ""))
            values[key] = values.get(key, 0.0) + sample.value
    return values


def _statistics(name: str, version: str, values: _Values) -> dict[str, Any]:
    def total(metrics: Iterable[str], stage: str = "") -> float:
        return sum(values.get((f"glossator_{metric}", name, stage), 0.0) for metric in metrics)

    requests = int(total(["model_requests_total"]))
    stages = {
        theirs: {"count": requests, "ns": round(1e9 * total(["stage_seconds_sum"], ours))}
        for theirs, ours in _STAGES.items()
    }
    return {
        "name": name,
        "version": version,
        "inference_count": int(total(["texts_total"])),
        "execution_count": int(total(["batches_total"])),
        "inference_stats": {
            "success": {"count": requests, "ns": round(1e9 * total(["inference_seconds_sum"]))},
            "fail": {"count": int(total(["refused_total", "late_total"])), "ns": 0},
        }
        | stages,
    }
