from __future__ import annotations

from typing import Any

import pytest

from glossator.service.documents.formats.json_shapes import find_rows
from glossator.service.documents.formats.utterances import read_utterances

PLAY = {"data": [{"text": "play "}, {"text": "thriller", "entity": "track"}, {"text": " now"}]}
RAIN = {"data": [{"text": "rain in "}, {"text": "Rome", "entity": "place", "slot_name": "city"}]}
START = {"data": [{"text": "start the music"}]}


@pytest.mark.parametrize(
    "value",
    [
        {"PlayMusic": [PLAY, START], "GetWeather": [RAIN]},
        {
            "language": "en",
            "entities": {"track": {"data": []}},
            "intents": {"PlayMusic": {"utterances": [PLAY, START]}, "GetWeather": {"utterances": [RAIN]}},
        },
    ],
)
def test_the_pieces_are_joined_and_the_intent_is_the_label(value: dict[str, Any]) -> None:
    found = find_rows(value, "a.json")
    assert found.rows == [
        {"text": "play thriller now", "label": "PlayMusic", "spans": [{"start": 5, "end": 13, "label": "track"}]},
        {"text": "start the music", "label": "PlayMusic", "spans": []},
        {"text": "rain in Rome", "label": "GetWeather", "spans": [{"start": 8, "end": 12, "label": "city"}]},
    ]
    (decision,) = found.decisions
    assert decision.message == (
        "JSON: utterances by intent (the keys are intents: PlayMusic, GetWeather; a text is a list of pieces)"
    )


def test_one_intent_and_no_entities() -> None:
    assert read_utterances({"PlayMusic": [START]}) == [{"text": "start the music", "label": "PlayMusic"}]


def test_an_utterance_that_cannot_be_read_has_no_text() -> None:
    rows = read_utterances({"PlayMusic": [START, {"data": [{"txt": "x"}]}, {"data": "play"}, "play"]})
    assert rows is not None
    assert [row["text"] for row in rows] == ["start the music", None, None, None]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"rows": [{"text": "a"}]},
        {"PlayMusic": []},
        {"data": [{"data": 3}]},
        {"intents": [{"tag": "a", "patterns": ["b"]}]},
        {"PlayMusic": [START], "version": 1},
    ],
)
def test_other_shapes_are_not_utterances(value: dict[str, Any]) -> None:
    assert read_utterances(value) is None
