"""The messages between a labelling in parts and its worker processes: JSON, one message per line.

A worker reads a job and then parts; it answers each part with a record or an error. A reply that does not have this
form is refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from glossator.service.documents.isolation.messages import DamagedMessage, error_of
from glossator.service.errors import GlossatorError
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions, ZeroShotOptions
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob
from glossator.service.labelling.row_labelling import RowSelection

MAX_REPLY_BYTES = 16 << 20
"""The longest line that is read from a worker."""


def encode_job(job: PartsJob) -> bytes:
    """Return a job as a line."""
    return _line(asdict(job))


def decode_job(line: bytes) -> PartsJob:
    """Return the job of a line. Raises DamagedMessage."""
    try:
        fields = _json(line)
        labelling = fields["labelling"]
        zero_shot = labelling["zero_shot"]
        if zero_shot is not None:
            zero_shot = ZeroShotOptions(**zero_shot | {"labels": tuple(zero_shot["labels"])})
        options, selection = InputOptions(**labelling["input_options"]), RowSelection(**labelling["selection"])
        labelling |= {"input_options": options, "selection": selection, "zero_shot": zero_shot}
        return PartsJob(**fields | {"labelling": FileLabelling(**labelling)})
    except (TypeError, KeyError) as error:
        raise DamagedMessage(str(error)) from None


def encode_part(part: Part) -> bytes:
    """Return a part as a line."""
    return _line(asdict(part))


def decode_part(line: bytes) -> Part:
    """Return the part of a line. Raises DamagedMessage."""
    part: Part = _decode(Part, _json(line))
    return part


def encode_reply(reply: PartRecord | GlossatorError) -> bytes:
    """Return the record of a part, or its error, as a line."""
    if isinstance(reply, GlossatorError):
        return _line({"error": reply.to_dict()})
    return _line({"record": asdict(reply)})


def decode_reply(line: bytes) -> PartRecord | GlossatorError:
    """Return the record or the error of a line; an error has its class. Raises DamagedMessage."""
    message = _json(line)
    if isinstance(message, dict) and message.keys() == {"record"}:
        record: PartRecord = _decode(PartRecord, message["record"])
        return record
    if isinstance(message, dict) and message.keys() == {"error"}:
        return error_of(message["error"])
    raise DamagedMessage("neither a record nor an error")


def _line(value: object) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DamagedMessage(type(error).__name__) from None


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _decode(kind: type, fields: Any) -> Any:
    try:
        return _adapter(kind).validate_python(fields)
    except ValidationError as error:
        raise DamagedMessage(str(error)) from None
