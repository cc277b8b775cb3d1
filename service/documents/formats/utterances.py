"""Reads utterances in pieces, grouped by intent, as published with Snips' benchmark and written by its library.

{"PlayMusic": [{"data": [{"text": "play "}, {"text": "thriller", "entity": "track"}]}]}
{"intents": {"PlayMusic": {"utterances": [{"data": [...]}]}}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PIECES = "data"
_TYPE_KEYS = ("slot_name", "entity")
"""Keys of the type of an entity: the slot of an intent, else the entity."""


def read_utterances(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return one row per utterance with `text`, `label` and `spans`; None for another shape.

    There are no `spans` if no piece has a type. An utterance whose pieces cannot be read has no text.
    """
    intents = _intents(value)
    if not intents or not all(rows and _is_utterance(rows[0]) for rows in intents.values()):
        return None
    rows = [_row(utterance, str(intent)) for intent, utterances in intents.items() for utterance in utterances]
    if not any(row["spans"] for row in rows):
        rows = [{"text": row["text"], "label": row["label"]} for row in rows]
    return rows


def _intents(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the utterances of each intent; empty for another shape."""
    named = value.get("intents")
    if isinstance(named, Mapping):
        intents = {name: each.get("utterances") for name, each in named.items() if isinstance(each, Mapping)}
        if len(intents) < len(named):
            return {}
    else:
        intents = dict(value)
    lists = {str(name): each for name, each in intents.items() if isinstance(each, list)}
    return lists if len(lists) == len(intents) else {}


def _is_utterance(value: Any) -> bool:
    return isinstance(value, Mapping) and _text_of(value) is not None


def _text_of(utterance: Mapping[str, Any]) -> str | None:
    """Return the joined texts of the pieces; None if they cannot be read."""
    pieces = utterance.get(_PIECES)
    if not isinstance(pieces, Sequence) or isinstance(pieces, str) or not pieces:
        return None
    texts = [piece["text"] for piece in pieces if isinstance(piece, Mapping) and isinstance(piece.get("text"), str)]
    return "".join(texts) if len(texts) == len(pieces) else None


def _row(utterance: Any, intent: str) -> dict[str, Any]:
    text = _text_of(utterance) if isinstance(utterance, Mapping) else None
    if text is None:
        return {"text": None, "label": intent, "spans": []}
    spans, start = [], 0
    for piece in utterance[_PIECES]:
        end = start + len(piece["text"])
        kind = next((piece[key] for key in _TYPE_KEYS if piece.get(key)), None)
        if kind is not None:
            spans.append({"start": start, "end": end, "label": kind})
        start = end
    return {"text": text, "label": intent, "spans": spans}
