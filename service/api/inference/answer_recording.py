"""Records answers that a request was given: in the metrics, and in the prediction log if there is one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fastapi import Request

from glossator.service.api.dependencies import owner_of
from glossator.service.api.route_template import route_template
from glossator.service.api.state import AppState
from glossator.service.errors import InputError
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer, PendingAnswers
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.tasks.encoded import Text


def record_answers(
    state: AppState,
    request: Request,
    model: Model,
    name: str,
    texts: Sequence[Text | InputError],
    pending: PendingAnswers,
    answers: Sequence[Answer | InputError],
    began: float,
    *,
    count_errors: bool = True,
    count_stages: bool = True,
) -> None:
    """Record the answers of one model to one request.

    Args:
        state: The state of the app.
        request: The request.
        model: The model.
        name: What the client called it: `NAME` or `NAME@VERSION`.
        texts: The texts, one for each answer.
        pending: The encoded texts.
        answers: The answers.
        began: When the prediction began (`time.perf_counter`).
        count_errors: Count the errors of texts; an error that the route raises is counted with its response.
        count_stages: Count the time of each stage; several heads have them in common.
    """
    seconds = time.perf_counter() - began
    if name in state.canaries:
        state.metrics.version(name, model.digest, seconds)
    state.metrics.inference(name, answers, seconds)
    if count_stages:
        state.metrics.stages(name, pending, seconds)
    for answer in answers:
        if count_errors and isinstance(answer, InputError):
            state.metrics.error(answer.code)
    if state.log is not None:
        plain, _, version = name.partition("@")
        state.log.add(
            Served(
                time=time.time(),
                request=request.state.request_id,
                model=plain,
                version=version or None,
                digest=model.digest,
                route=route_template(request.scope),
                key=owner_of(request),
                seconds=seconds,
                texts=texts,
                answers=answers,
                offset_unit=pending.options.offset_unit,
                bundle=model.bundle,
                options=pending.options,
            )
        )
