"""Names of models and of API keys: they appear in paths, URLs and metrics, so few characters are allowed. And names of
repositories on the Hugging Face hub, which are not names of folders."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from glossator.service.errors import ConfigError

NAME_RULE = "letters, digits, '.', '_' and '-'; the first is a letter or a digit; at most 64"
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_EXPRESSION = re.compile(NAME_PATTERN)

_ON_THE_HUB = re.compile(rf"({NAME_PATTERN}/[A-Za-z0-9][A-Za-z0-9._-]*)(@.+)?")

Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
"""A checked name as a field of a JSON document."""


def check_model_name(name: str, *, hint: str | None = None) -> str:
    """Return the name unchanged; raises ConfigError if a model cannot have it."""
    if not _EXPRESSION.fullmatch(name):
        raise ConfigError("invalid model name", found=name, expected=NAME_RULE, hint=hint)
    return name


def repository_name(name: str) -> str | None:
    """Return the repository that `owner/name` or `owner/name@revision` names; None if it has another form.

    A path such as `models/tickets` has this form too.
    """
    found = _ON_THE_HUB.fullmatch(name)
    return None if found is None else found[1]
