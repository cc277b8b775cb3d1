"""The fields of a form as a schema."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from glossator.service.api.problems import InvalidRequest
from glossator.service.api.schemas.validation_faults import list_faults
from glossator.service.api.transport.multipart import Form

_REPEATABLE = frozenset({"labels"})
_Fields = TypeVar("_Fields", bound=BaseModel)


def read_fields(form: Form, kind: type[_Fields]) -> _Fields:
    """Return the fields of a form. Empty fields are left out: browsers send those that are not filled in.

    Raises:
        InvalidRequest: A field is repeated or invalid; lists every fault.
    """
    given = {name: values for name, values in form.fields.items() if any(values)}
    repeated = [name for name, values in given.items() if len(values) > 1 and name not in _REPEATABLE]
    if repeated:
        raise InvalidRequest("the form repeats a field", found=", ".join(repeated), expected="each field once")
    try:
        return kind.model_validate(
            {name: values if name in _REPEATABLE else values[0] for name, values in given.items()}
        )
    except ValidationError as error:
        raise InvalidRequest(
            "invalid form fields", faults=list_faults(error), hint="GET /openapi.json describes the fields."
        ) from None
