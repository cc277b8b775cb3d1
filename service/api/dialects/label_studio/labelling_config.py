"""Labelling configurations of Label Studio projects: the controls, and the objects that they label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

from glossator.service.api.inference.answer_budget import check_names
from glossator.service.api.problems import InvalidRequest

_FIELD = re.compile(r"\$[\w-]+(?:\.[\w-]+|\[\d+\])*")
_OPTIONS = frozenset({"Choice", "Label"})
_STEP = re.compile(r"[\w-]+|\[\d+\]")
_NAMES = ("name", "toName", "value", "alias")
_MOST_ELEMENTS = 20_000
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class DataObject:
    """What is labelled. `path` is the field of a task that has its content, or None if it is not a single field."""

    tag: str
    name: str
    path: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Control:
    """What annotators set. `options` maps each choice or label, by value and alias, to what annotations call it."""

    tag: str
    name: str
    targets: tuple[str, ...]
    attributes: Mapping[str, str]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LabellingConfig:
    """The objects by name, and the controls, both in the order of the configuration."""

    objects: Mapping[str, DataObject]
    controls: tuple[Control, ...]


def parse_config(text: str) -> LabellingConfig:
    """The objects and controls of a configuration. Raises InvalidRequest if it is not plain XML.

    Entity declarations, which may expand, are rejected, and so are long names: every prediction repeats them.
    """
    objects: dict[str, DataObject] = {}
    controls: list[Control] = []
    open_options: list[dict[str, str]] = []
    elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if elements > _MOST_ELEMENTS:
            raise InvalidRequest(
                "the labelling configuration has too many elements", expected=f"at most {_MOST_ELEMENTS:,}"
            )
        check_names((attributes[name] for name in _NAMES if name in attributes), "label_config")
        if tag in _OPTIONS and open_options and "value" in attributes:
            called = attributes.get("alias") or attributes["value"]
            open_options[-1] |= {attributes["value"]: called, called: called}
        elif "name" in attributes and "toName" in attributes:
            options: dict[str, str] = {}
            open_options.append(options)
            targets = tuple(part.strip() for part in attributes["toName"].split(","))
            controls.append(Control(tag, attributes["name"], targets, attributes, options))
        elif "name" in attributes:
            value = attributes.get("value", "")
            path = value[1:] if _FIELD.fullmatch(value) else None
            objects[attributes["name"]] = DataObject(tag, attributes["name"], path, attributes)

    def refuse(*_: object) -> None:
        raise InvalidRequest("the labelling configuration declares entities", expected="plain XML")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse  # type: ignore[assignment]
    try:
        for begin in range(0, len(text), _CHUNK):  # other threads run between two chunks
            parser.Parse(text[begin : begin + _CHUNK], False)
        parser.Parse("", True)
    except (expat.ExpatError, ValueError) as error:
        raise InvalidRequest("the labelling configuration is not XML", found=error) from None
    return LabellingConfig(objects, tuple(controls))


def field_value(data: Mapping[str, object], path: str) -> object:
    """The value of a field such as `a`, `a.b` or `a[0].b`; None if there is none.

    >>> field_value({"a": {"b": ["x"]}}, "a.b[0]")
    'x'
    """
    if path in data:
        return data[path]
    value: object = data
    for step in _STEP.findall(path):
        if step.startswith("["):
            place = int(step[1:-1])
            value = value[place] if isinstance(value, list) and place < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value
