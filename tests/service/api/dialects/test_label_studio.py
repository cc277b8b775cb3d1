"""The shapes of a Label Studio backend, checked by Label Studio's own reader of labelling configurations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from servers import Server

from .conftest import PAIR, TEXTS

with warnings.catch_warnings():  # the SDK still speaks pydantic's first version
    warnings.simplefilter("ignore", DeprecationWarning)
    from label_studio_sdk.label_interface import LabelInterface

Native = Callable[..., list[dict[str, Any]]]
pytestmark = pytest.mark.slow
CHOICES = (
    """<View><Text name="words" value="$body"/><Choices name="topic" toName="words" choice="{}">{}</Choices></View>"""
)
LABELS = """<View><Labels name="message" toName="words"><Label value="DAY"/><Label value="ITEM"/></Labels>
<Text name="words" value="$body"/></View>"""
NAMES = ["refund", "delivery", "praise", "greeting", "complaint", "other"]


def predict(running: Server, model: str, config: str | None, *data: Any) -> Any:
    tasks = [{"id": number, "data": each} for number, each in enumerate(data)]
    body = {"tasks": tasks, "label_config": config, "project": "1.2", "params": {"context": None}}
    return httpx.post(f"{running.url}/label-studio/{model}/predict", json=body)


@pytest.mark.parametrize("model", ["intents", "tags"])
def test_labels_are_choices_of_the_project(running: Server, native: Native, model: str) -> None:
    choice = "single" if model == "intents" else "multiple"
    config = CHOICES.format(choice, "".join(f'<Choice value="{name}"/>' for name in NAMES))
    found = predict(running, model, config, *({"body": text} for text in TEXTS)).json()["results"]
    for each, expected in zip(found, native(model, TEXTS), strict=True):
        chosen = [name for item in each["result"] for name in item["value"]["choices"]]
        assert chosen == expected["labels"]
        assert each["score"] == expected["scores"][0]["score"]
        assert LabelInterface(config).validate_prediction(each)


def test_entities_count_as_the_page_does(running: Server, native: Native) -> None:
    text = "🙂 " + TEXTS[0]
    (found,) = predict(running, "token-classification", LABELS, {"body": text}).json()["results"]
    (expected,) = native("token-classification", [text], offset_unit="utf16")
    assert [(each["value"]["start"], each["value"]["end"], each["value"]["labels"]) for each in found["result"]] == [
        (each["start"], each["end"], [each["label"]]) for each in expected["entities"]
    ]
    assert found["result"]
    units = text.encode("utf-16-le")
    for each in found["result"]:
        value = each["value"]
        assert units[2 * value["start"] : 2 * value["end"]].decode("utf-16-le") == value["text"]
        assert (each["from_name"], each["to_name"], each["type"]) == ("message", "words", "labels")
    assert LabelInterface(LABELS).validate_prediction(found)


def test_scores_and_pairs(running: Server, native: Native) -> None:
    config = """<View><Text name="q" value="$question"/><Text name="d" value="$document"/>
    <Number name="fit" toName="d"/></View>"""
    data = {"question": PAIR[0], "document": PAIR[1]}
    (found,) = predict(running, "text-pair-score", config, data).json()["results"]
    (expected,) = native("text-pair-score", [PAIR[0]], text_pairs=[PAIR[1]])
    assert found["result"] == [
        {"from_name": "fit", "to_name": "d", "type": "number", "value": {"number": expected["score"]}}
    ]


def test_task_that_cannot_be_read_keeps_its_place(running: Server) -> None:
    found = predict(running, "intents", None, {"text": "thanks"}, {}, {"text": ""}, {"text": 3}).json()["results"]
    assert [bool(each["result"]) for each in found] == [True, False, False, False]
    assert [each.get("error", {}).get("code") for each in found][1:] == [
        "undecodable-text",
        "empty-text",
        "undecodable-text",
    ]


def test_backend_is_set_up_and_lives(running: Server) -> None:
    url = f"{running.url}/label-studio/intents"
    version = httpx.post(f"{url}/setup", json={"project": "1", "schema": "<View/>"}).json()["model_version"]
    assert version.startswith("intents@")
    assert httpx.get(f"{url}/health").json()["status"] == "UP"
    assert httpx.post(f"{url}/webhook", json={"action": "ANNOTATION_CREATED", "project": {}}).status_code == 201


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("<View", "not XML"),
        ("<View/>", "no control"),
        ('<View><Text name="t" value="$t"/><Labels name="l" toName="t"/></View>', "Choices"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><View>&b;</View>', "declares entities"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(running: Server, config: str, message: str) -> None:
    answer = predict(running, "intents", config, {"text": "a"})
    assert answer.status_code == 422
    assert message in answer.json()["detail"]
    assert predict(running, "text-embedding", config, {"text": "a"}).status_code == 422
