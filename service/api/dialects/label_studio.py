"""A machine learning backend for Label Studio, under `/label-studio/MODEL`: predictions for the tasks of a project.

The project's labelling configuration names the control for the answers (`Choices` for labels, `Labels` for entities and
answers, `Number` for scores) and the `Text` that it labels. Offsets count UTF-16 code units, as on Label Studio's page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any
from xml.parsers import expat

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from glossator.service.api import inference_requests
from glossator.service.api.dependencies import StateDep
from glossator.service.api.dialects.errors import ERRORS, DialectError, route_class
from glossator.service.api.inference_requests import parse_body
from glossator.service.api.openapi_document import request_body
from glossator.service.api.problems import InvalidRequest
from glossator.service.api.routes.models import ModelName
from glossator.service.bundle.task import Classifier, TextEmbedding
from glossator.service.errors import ConfigError, InputError, UndecodableText
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.model import Model
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.encoded import Pair, Text
from glossator.service.tasks.options import DecodeKeywords
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.token_classification import Entities, Entity

PREFIX = "/label-studio"
_HINT = 'Send {"tasks": [{"data": {"text": "..."}}], "label_config": "<View>...</View>"}.'
_CONTROLS = {"Choices": "choices", "Labels": "labels", "Number": "number"}


def _error_response(error: DialectError) -> JSONResponse:
    return JSONResponse({"detail": error.message, "code": error.code}, status_code=error.status)


router = APIRouter(tags=["label-studio"], responses=ERRORS, route_class=route_class(_error_response))


class LabelStudioTask(BaseModel):
    """A task of a project: its data, and further fields that are ignored."""

    model_config = ConfigDict(extra="allow")

    data: dict[str, Any]


class LabelStudioPredict(BaseModel):
    """Tasks to label and the labelling configuration. Further fields are ignored."""

    model_config = ConfigDict(extra="allow")

    tasks: list[LabelStudioTask]
    label_config: Annotated[str | None, Field(max_length=1_000_000)] = None


BODIES = (LabelStudioPredict,)


@dataclass(frozen=True, slots=True)
class Control:
    """The control for the answers, the element that it labels, and the data fields with the texts."""

    from_name: str
    to_name: str
    columns: tuple[str, ...]


@router.post("/{name}/predict", summary="Predict for Label Studio", openapi_extra=request_body(LabelStudioPredict))
async def predict(name: ModelName, request: Request, state: StateDep) -> dict[str, Any]:
    """Return one prediction per task, in order; that of an invalid task is empty and contains the error."""
    model = state.model(name)
    body = await parse_body(request, state, LabelStudioPredict, _HINT)
    control = control_of(body.label_config, model)
    places: DecodeKeywords = {} if isinstance(model.task, Classifier) else {"offset_unit": "utf16"}
    texts = [_text(task.data, control.columns, model) for task in body.tasks]
    answers = await inference_requests.predict(state, request, model, name, texts, **places)
    return {"results": [_prediction(answer, control, model) for answer in answers], "model_version": model.version}


@router.post("/{name}/setup", summary="Version of a model, for Label Studio")
async def setup(name: ModelName, state: StateDep) -> dict[str, str]:
    """Return the model version. Label Studio calls this when a project is connected."""
    return {"model_version": state.model(name).version}


@router.post("/{name}/webhook", status_code=201, summary="Accept events of a project")
async def webhook(name: ModelName, state: StateDep) -> dict[str, str]:
    """Ignore the event: models are trained with `glossator train`."""
    state.model(name)
    return {"status": "ignored"}


@router.get("/{name}/health", summary="Health of a model, for Label Studio")
async def health(name: ModelName, state: StateDep) -> dict[str, str]:
    """Return the status `UP` if the model exists."""
    return {"status": "UP", "model_class": state.model(name).task.task}


def control_of(config: str | None, model: Model) -> Control:
    """Return the control of a labelling configuration that fits the model's answers.

    Without a configuration, return the control that `glossator label` writes for. Raises InvalidRequest.
    """
    kind = _control_kind(model)
    count = 2 if reads_pairs(model.task) else 1
    if not config or not config.strip():
        return Control("label", "text", ("text", "text_pair")[:count])
    tags = list(_tags(config))
    texts = {
        tag["name"]: tag["value"].removeprefix("$")
        for name, tag in tags
        if name in ("Text", "HyperText") and "name" in tag and re.fullmatch(r"\$\w+", tag.get("value", ""))
    }
    for name, tag in tags:
        target = tag.get("toName", "").partition(",")[0]
        if name == kind and "name" in tag and target in texts:
            others = [column for text, column in texts.items() if text != target]
            if len(others) < count - 1:
                break
            # Of two texts, the second one is labelled: the context or the document.
            return Control(tag["name"], target, (*others[: count - 1], texts[target]))
    raise InvalidRequest(
        "the labelling configuration has no control for the answers of this model",
        expected=f'<{kind} name="label" toName="text"> and {count} <Text name="text" value="$text"/>',
    )


def _control_kind(model: Model) -> str:
    if isinstance(model.task, TextEmbedding):
        raise ConfigError("Label Studio cannot show vectors", found=model.task.task)
    if isinstance(model.task, Classifier):
        return "Number" if model.task.problem_type == "regression" else "Choices"
    return "Labels"


def _tags(config: str) -> list[tuple[str, dict[str, str]]]:
    """Return every element of a configuration, in order. Entity declarations, which may expand, are rejected."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InvalidRequest("the labelling configuration declares entities", expected="plain XML")

    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes))
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse  # type: ignore[assignment]
    try:
        parser.Parse(config, True)
    except (expat.ExpatError, ValueError) as error:
        raise InvalidRequest("the labelling configuration is not XML", found=error) from None
    return found


def _text(data: dict[str, Any], columns: tuple[str, ...], model: Model) -> Text | InputError:
    values: list[Any] = [data.get(column) for column in columns]
    for column, value in zip(columns, values, strict=True):
        if not isinstance(value, str):
            return UndecodableText(
                f"the task has no text in {column}",
                found=type(value).__name__,
                expected="a string",
                hint="Name the column in the labelling configuration.",
            )
    return Pair(*values) if reads_pairs(model.task) else str(values[0])


def _prediction(answer: Answer | InputError, control: Control, model: Model) -> dict[str, Any]:
    if isinstance(answer, InputError):
        return {"result": [], "score": 0.0, "model_version": model.version, "error": answer.to_dict()}
    result, score = _result(answer, {"from_name": control.from_name, "to_name": control.to_name})
    return {"result": result, "score": score, "model_version": model.version}


def _result(answer: Answer, names: dict[str, Any]) -> tuple[list[dict[str, Any]], float]:
    prediction = answer.prediction
    if isinstance(prediction, Entities):
        spans = [_span(each, each.label, names) for each in prediction.entities]
        return spans, min((each.score for each in prediction.entities), default=1.0)
    if isinstance(prediction, Extraction):
        best = prediction.answer
        return ([_span(best, "answer", names)], best.score) if best else ([], prediction.no_answer_score)
    if hasattr(prediction, "labels"):
        chosen = list(prediction.labels)
        return ([names | {"type": "choices", "value": {"choices": chosen}}] if chosen else []), answer.score
    return [names | {"type": "number", "value": {"number": answer.score}}], 1.0


def _span(each: Entity | Span, label: str, names: dict[str, Any]) -> dict[str, Any]:
    value = {"start": each.start, "end": each.end, "text": each.text, "labels": [label]}
    return names | {"type": "labels", "score": each.score, "value": value}
