"""Errors of the Python API name parameters, where those of the command line name options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import ParamSpec, TypeVar

from glossator.service.errors import GlossatorError

_P = ParamSpec("_P")
_T = TypeVar("_T")

_OPTION = re.compile(r"(?<!\S)(?P<open>\(?)--(?P<no>no-)?(?P<name>[a-z][a-z0-9-]*)(?: (?P<value>[A-Z]+)\b)?")
_QUOTED = re.compile(r"(`[^`]*`|glossator [a-z]\S*[^;:]*)")
"""Commands to type: they keep their options."""
_REMARK = re.compile(r" \([a-z_]+(?:=[^()]*)? in Python\)")
_OTHER_NAMES = {
    "dataset_split": "split",
    "input_format": "format",
    "licence": "license",
    "output_format": "format",
    "search": "trials",
    "set": "options",
}
"""Parameters whose option has another name."""


def names_parameters(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make the errors of a function name its parameters: `label_column=NAME` instead of `--label-column NAME`."""
    switches = {
        name: parameter.annotation in (bool, "bool")
        for name, parameter in inspect.signature(function).parameters.items()
    }

    @wraps(function)
    def call(*arguments: _P.args, **keywords: _P.kwargs) -> _T:
        try:
            return function(*arguments, **keywords)
        except GlossatorError as error:
            error.message = in_python(error.message, switches)
            error.expected = None if error.expected is None else in_python(error.expected, switches)
            error.hint = None if error.hint is None else in_python(error.hint, switches)
            error.faults = tuple(replace(each, message=in_python(each.message, switches)) for each in error.faults)
            raise

    return call


def in_python(text: str, switches: dict[str, bool]) -> str:
    """The text with parameters instead of options.

    Args:
        text: A message or a hint. Commands, such as `glossator train --search 20`, stay as they are.
        switches: The parameters of a function; True for those that are a bool.

    >>> in_python("Name it: --label-column NAME, or pass --fresh.", {"label_column": False, "fresh": True})
    'Name it: label_column=NAME, or pass fresh=True.'
    >>> in_python("Use --precision fp32.", {"precision": False})
    'Use `precision` fp32.'
    """

    def parameter(found: re.Match[str]) -> str:
        name = found["name"].replace("-", "_")
        if name not in switches:
            name = _OTHER_NAMES.get(name, name)
        if name not in switches:
            return found[0]
        value = f" {found['value']}" if found["value"] else ""
        if switches[name]:
            return f"{found['open']}{name}={not found['no']}{value}"
        return f"{found['open']}{name}={found['value']}" if value else f"{found['open']}`{name}`"

    parts = _QUOTED.split(_REMARK.sub("", text))
    parts[::2] = (_OPTION.sub(parameter, each) for each in parts[::2])
    return "".join(parts)
