"""The shapes of a Label Studio backend, checked by Label Studio's own reader of labelling configurations."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from servers import HTTP, Server
from starlette.testclient import TestClient

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
    return HTTP.post(f"{running.url}/label-studio/{model}/predict", json=body)


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


def test_fields_may_be_nested_and_choices_may_have_aliases(running: Server, native: Native) -> None:
    choices = "".join(f'<Choice value="{name.title()}" alias="{name}"/>' for name in NAMES)
    config = f"""<View><Text name="t" value="$mail.parts[1].body"/><Header value="$mail.subject"/>
    <Labels name="spans" toName="t"><Label value="DAY"/></Labels>
    <Choices name="mood" toName="t"><Choice value="good"/><Choice value="bad"/></Choices>
    <Choices name="topic" toName="t">{choices}</Choices></View>"""
    data = {"mail": {"subject": "no", "parts": [{}, {"body": TEXTS[1]}]}}
    (found,) = predict(running, "intents", config, data).json()["results"]
    assert [(each["from_name"], each["value"]["choices"]) for each in found["result"]] == [
        ("topic", native("intents", TEXTS[1:2])[0]["labels"])
    ]
    missing = predict(running, "intents", config, {"mail": {"parts": []}}).json()["results"][0]
    assert missing["error"]["message"] == "the task has no text in mail.parts[1].body"


def test_html_is_not_read_as_text(running: Server) -> None:
    config = CHOICES.format("single", "".join(f'<Choice value="{name}"/>' for name in NAMES)).replace(
        "Text n", "HyperText n"
    )
    found = predict(running, "intents", config, {"body": "thanks, 1 < 2"}, {"body": "<b>thanks</b>"}).json()["results"]
    assert found[0]["result"][0]["value"]["choices"]
    assert found[1]["error"]["message"] == "the task has HTML in body"


def test_an_answer_gets_the_label_of_the_project(running: Server, native: Native) -> None:
    config = """<View><Text name="q" value="$q"/><Text name="c" value="$c"/>
    <Labels name="l" toName="c"><Label value="Answer"/><Label value="Doubt"/></Labels></View>"""
    (found,) = predict(running, "question-answering", config, {"q": PAIR[0], "c": PAIR[1]}).json()["results"]
    expected = native("question-answering", [PAIR[0]], text_pairs=[PAIR[1]])[0].get("answer")
    if expected is None:
        assert found["result"] == []
    else:
        (span,) = found["result"]
        assert span["value"] == {
            "start": expected["start"], "end": expected["end"], "text": expected["text"], "labels": ["Answer"]
        }  # fmt: skip
        assert LabelInterface(config).validate_prediction(found)


def test_a_key_may_come_by_basic_authentication(make_client: Callable[..., TestClient]) -> None:
    key = "k" * 32
    client = make_client(api_keys=(key,))
    body = {"tasks": [{"data": {"text": "thanks"}}]}
    assert client.post("/label-studio/intents/predict", json=body, auth=("anyone", key)).status_code == 200
    refused = client.post("/label-studio/intents/predict", json=body, auth=("anyone", "wrong"))
    assert (refused.status_code, set(refused.json())) == (401, {"detail", "code"})


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
    version = HTTP.post(f"{url}/setup", json={"project": "1", "schema": "<View/>"}).json()["model_version"]
    assert version.startswith("intents@")
    assert HTTP.post(f"{url}/setup").json() == {"model_version": version}
    for path in ("/health", "/", ""):
        assert HTTP.get(url + path).json() == {"status": "UP", "model_class": "text-classification"}
    for answer in (HTTP.get(f"{url}/versions"), HTTP.post(f"{url}/versions", json={"project": "1.2"})):
        assert answer.json() == {"versions": [version]}
    refused = HTTP.post(
        f"{url}/setup", json={"project": "1", "schema": LABELS, "hostname": "http://ls", "access_token": "x"}
    )
    assert refused.status_code == 422
    assert "message: Labels does not take the answers of this model, Choices does" in refused.json()["detail"]
    assert HTTP.post(f"{url}/webhook", json={"action": "ANNOTATION_CREATED", "project": {}}).status_code == 201


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
