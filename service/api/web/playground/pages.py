"""The Playground: the page, the part that belongs to the selected model, answers, and code that asks the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from glossator.service.api.dependencies import StateDep
from glossator.service.api.inference.inference_requests import INLINE_CHARACTERS
from glossator.service.api.problems import InvalidRequest, RouteNotFound
from glossator.service.api.security.access import INFER
from glossator.service.api.security.proxy import public_url
from glossator.service.api.state import AppState
from glossator.service.api.web.api_page.dialect_calls import (
    DialectCall,
    dialect_calls,
    rerank_calls,
    zero_shot_calls,
)
from glossator.service.api.web.navigation import PREFIX
from glossator.service.api.web.page_route import PageRoute, read_form
from glossator.service.api.web.playground.answers import answer as answer_question
from glossator.service.api.web.playground.answers import options_for
from glossator.service.api.web.playground.code_examples import write_code
from glossator.service.api.web.playground.examples import Example, find_example, list_examples
from glossator.service.api.web.playground.modes import Abilities, abilities_of
from glossator.service.api.web.playground.questions import COVERAGES, Question, read_question, texts_of
from glossator.service.api.web.playground.versions import Version, find_version, golden_rows, list_versions
from glossator.service.api.web.revalidation import revalidated
from glossator.service.api.web.templating import render
from glossator.service.bundle.task import Task
from glossator.service.errors import UnknownModel, shorten

_MOST_CODE_CHARACTERS = 200_000
"""The code for all dialects and languages contains the text up to 30 times."""
_SLACK_SECONDS = 10.0
"""How much longer than the server's own limit the page waits for an answer."""

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[INFER])


@dataclass(frozen=True, slots=True)
class ModelPanel:
    """What the page shows for the selected model."""

    version: Version
    task: Task
    abilities: Abilities
    examples: Sequence[Example]
    is_logged: bool
    """Whether the answers of this model go to the prediction log."""
    aliases: Sequence[Version]
    """Other versions of this model that have an alias, such as `challenger`."""


@router.get(PREFIX)
async def page(request: Request, state: StateDep) -> Response:
    """The page, with the model, the options and the example of the address."""
    asked = request.query_params
    versions = await to_thread.run_sync(list_versions, state.models)
    wanted = asked.get("model", "")
    selected = find_version(versions, wanted) or next(iter(versions), None)
    panel, example = None, None
    if selected is not None:
        panel = await to_thread.run_sync(_panel, state, versions, selected)
        if name := asked.get("example"):
            rows = await to_thread.run_sync(golden_rows, state.models, selected)
            example = find_example(rows, panel.task, name)
    other = find_version(versions, asked.get("other", ""))
    missing = [name for name in (wanted, asked.get("other", "")) if name and find_version(versions, name) is None]
    return revalidated(
        request,
        render(
            request.scope,
            "playground/page.html",
            versions=versions,
            panel=panel,
            other=other,
            missing=[shorten(name) for name in missing],
            example=example,
            timeout_ms=round(1e3 * (state.settings.timeout_seconds + _SLACK_SECONDS)),
            **_options(asked),
        ),
    )


@router.get(PREFIX + "/playground/model")
async def model_panel(request: Request, model: str, state: StateDep) -> Response:
    """The examples and options of a model."""
    versions = await to_thread.run_sync(list_versions, state.models)
    panel = await to_thread.run_sync(_panel, state, versions, _version(versions, model))
    return revalidated(
        request, render(request.scope, "playground/model.html", panel=panel, **_options(request.query_params))
    )


@router.get(PREFIX + "/playground/example")
async def example_text(model: str, name: str, state: StateDep) -> Response:
    """The texts of an example, as JSON."""

    def find() -> Example | None:
        version = _version(list_versions(state.models), model)
        return find_example(golden_rows(state.models, version), version.manifest.task, name)

    found = await to_thread.run_sync(find)
    if found is None:
        raise RouteNotFound("no such example", found=name, hint="The page lists the examples of a model.")
    return JSONResponse({"text": found.text, "second": found.second}, headers={"Cache-Control": "private, no-cache"})


@router.post(PREFIX + "/answer")
async def answer(request: Request, state: StateDep) -> Response:
    """The answers of one model, or of two side by side."""
    question = read_question(await read_form(request, state.settings.max_body_bytes))
    found = await answer_question(state, request, question)

    def show() -> Response:
        return render(request.scope, "playground/answer.html", question=question, found=found)

    return await to_thread.run_sync(show) if len(question.text) > INLINE_CHARACTERS else show()


@router.post(PREFIX + "/playground/code")
async def code(request: Request, state: StateDep) -> Response:
    """Code that asks the same question: curl, Python and TypeScript, for each dialect of the task."""
    question = read_question(await read_form(request, state.settings.max_body_bytes))
    versions = await to_thread.run_sync(list_versions, state.models)
    version = _version(versions, question.models[0])
    characters = len(question.text) + len(question.second) + sum(map(len, question.lines))
    if characters > _MOST_CODE_CHARACTERS:
        raise InvalidRequest(
            "the text is too long for code that contains it",
            found=f"{characters:,} characters",
            expected=f"at most {_MOST_CODE_CHARACTERS:,}",
            hint="Copy the code with a short text, and read the long one from a file.",
        )
    calls = _calls(version.manifest.task, version.value, question)

    def show() -> Response:
        examples = write_code(calls, public_url(request.scope), state.settings.needs_key)
        by_dialect = {name: list(each) for name, each in groupby(examples, key=lambda example: example.dialect)}
        return render(request.scope, "playground/code.html", by_dialect=by_dialect)

    return await to_thread.run_sync(show) if characters > INLINE_CHARACTERS else show()


def _calls(task: Task, model: str, question: Question) -> Iterable[DialectCall]:
    """The requests that ask the same in each dialect."""
    if question.mode == "zero-shot":
        several = {"multi_label": True} if question.several else None
        return zero_shot_calls(model, [question.text], question.lines, several)
    if question.mode == "rerank":
        return rerank_calls(model, question.text, list(question.lines))
    options: dict[str, Any] = {
        name: value for name, value in options_for(task, question).items() if value and name != "top_k"
    }
    if question.explain and abilities_of(task).explains:
        options["explain"] = True
    return dialect_calls(task, model, texts_of(task, question), options)


def _panel(state: AppState, versions: Sequence[Version], version: Version) -> ModelPanel:
    task = version.manifest.task
    return ModelPanel(
        version,
        task,
        abilities_of(task),
        list_examples(golden_rows(state.models, version), task),
        state.log is not None and state.log.settings.covers(version.name),
        [each for each in versions if each.name == version.name and each.alias],
    )


def _version(versions: Sequence[Version], model: str) -> Version:
    found = find_version(versions, model)
    if found is None:
        raise UnknownModel("no model has this name", found=model, hint="Select a model on the page.")
    return found


def _options(asked: Mapping[str, str]) -> dict[str, Any]:
    """The options in the address of the page."""
    coverage = asked.get("coverage", "")
    return {
        "mode": asked.get("mode", "predict"),
        "explain": "explain" in asked,
        "truncate": "truncate" in asked,
        "coverages": [str(each) for each in COVERAGES],
        "coverage": coverage if coverage in map(str, COVERAGES) else "",
    }
