"""The texts in the inputs of a request, in the content types of MLServer's codecs.

`str` (the default) and `hf`: the text itself. `base64`: its UTF-8 bytes in base64. `hg_json` and `hg_jsonlist`: JSON, a
text or an object with `text` and `text_pair`, or `question` and `context`. All others are refused by name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glossator.service.api.dialects.open_inference.bodies import InferRequest, InferTensor
from glossator.service.api.dialects.open_inference.tensors import split_binary, texts_of
from glossator.service.api.problems import InvalidRequest, MalformedBody
from glossator.service.api.transport.json_body import parse_json
from glossator.service.bundle.task import Task
from glossator.service.errors import InputError
from glossator.service.inference.encoding import reads_pairs
from glossator.service.tasks.encoded import Pair, Text

_INPUT_PARAMETERS = frozenset({"binary_data_size", "content_type"})
_REQUEST_PARAMETERS = frozenset({"binary_data_output", "content_type"})
_OUTPUT_PARAMETERS = frozenset({"binary_data", "content_type", "classification"})
_SIDES = (("text", "text_pair"), ("question", "context"))


def check_parameters(asked: InferRequest) -> list[str]:
    """The paths of parameters that have no effect here. Raises InvalidRequest for shared memory."""
    ignored = [f"parameters.{name}" for name in asked.parameters or {} if name not in _REQUEST_PARAMETERS]
    for kind, tensors, known in (
        ("inputs", asked.inputs, _INPUT_PARAMETERS),
        ("outputs", asked.outputs, _OUTPUT_PARAMETERS),
    ):
        for index, tensor in enumerate(tensors or ()):
            for name in tensor.parameters or {}:
                if name.startswith("shared_memory"):
                    raise InvalidRequest(
                        "shared memory is not supported", found=name, hint="Send the data in the body."
                    )
                if name not in known:
                    ignored.append(f"{kind}[{index}].parameters.{name}")
    return ignored


def read_texts(asked: InferRequest, body: bytes, header_length: int | None, task: Task) -> list[Text]:
    """The texts or pairs of texts of the inputs."""
    tensors = [each.model_dump() for each in asked.inputs]
    parts = split_binary(body, header_length, tensors)
    default = (asked.parameters or {}).get("content_type")
    found = {
        tensor.name: _decoded(texts_of(fields, raw), tensor, default)
        for tensor, fields, raw in zip(asked.inputs, tensors, parts, strict=True)
    }
    pairs = reads_pairs(task)
    if len(found) == 1 and len(tensors) == 1:
        (texts,) = found.values()  # a single input may have any name: clients of MLServer choose their own
        if all(isinstance(text, Pair) == pairs for text in texts):
            return list(texts)
    names = ["text", "text_pair"] if pairs else ["text"]
    if set(found) != set(names) or len(found) != len(tensors):
        raise InvalidRequest("the inputs do not match the model", found=", ".join(found), expected=", ".join(names))
    if not pairs or any(isinstance(text, Pair) for texts in found.values() for text in texts):
        expected = "texts in text and in text_pair" if pairs else "texts"
        raise InvalidRequest("the inputs do not match the model", found="pairs of texts", expected=expected)
    sides = [[str(text) for text in found[name]] for name in names]
    if len(sides[0]) != len(sides[1]):
        counts = " and ".join(str(len(side)) for side in sides)
        raise InvalidRequest("text and text_pair have different lengths", found=counts)
    return [Pair(*each) for each in zip(*sides, strict=True)]


def _decoded(elements: Sequence[str], tensor: InferTensor, default: object) -> list[Text]:
    """The texts or pairs that the elements of an input mean by their content type."""
    kind = (tensor.parameters or {}).get("content_type", default)
    decode = _DECODERS.get(kind) if kind is None or isinstance(kind, str) else None
    if decode is None:
        raise InvalidRequest(
            f"the content type of {tensor.name} is not supported",
            found=kind,
            expected=f"one of {', '.join(name for name in _DECODERS if name)}",
            hint="Send texts with the content type str.",
        )
    return [decode(element) for element in elements]


def _plain(element: str) -> Text:
    return element


def _from_base64(element: str) -> Text:
    try:
        return base64.b64decode(element.encode("ascii"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError) as error:
        reason = error.reason if isinstance(error, UnicodeDecodeError) else "invalid base64"
        raise InputError("an input is not a UTF-8 text in base64", found=reason) from None


def _from_json(element: str) -> Text:
    try:
        value = parse_json(element.encode("utf-8", "surrogatepass"))
    except MalformedBody as error:
        raise InputError("an input is not JSON", found=error.message) from None
    return text_or_pair(value)


def text_or_pair(value: object) -> Text:
    """A text, or an object with a text or the two texts of a pair. Raises InputError for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if set(value) == {"text"} and isinstance(value["text"], str):
            return str(value["text"])
        for names in _SIDES:
            sides: list[Any] = [value.get(name) for name in names]
            if set(value) == set(names) and all(isinstance(side, str) for side in sides):
                return Pair(*sides)
    found = f"an object with {', '.join(map(str, value))}" if isinstance(value, Mapping) else type(value).__name__
    raise InputError(
        "an input is neither a text nor a pair of texts", found=found, expected="text, or text and text_pair"
    )


_DECODERS: dict[str | None, Callable[[str], Text]] = {
    None: _plain,
    "str": _plain,
    "hf": _plain,
    "base64": _from_base64,
    "hg_json": _from_json,
    "hg_jsonlist": _from_json,
}
