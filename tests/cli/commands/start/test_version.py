"""`glossator version`, `glossator --version` and `glossator.__version__`"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import glossator

Run = Callable[..., Any]


def test_command_option_and_attribute_give_the_installed_version(run: Run) -> None:
    installed = version("glossator")
    assert glossator.__version__ == installed
    for arguments in (["version"], ["--version"]):
        result = run(*arguments)
        assert (result.code, result.out, result.err) == (0, f"glossator {installed}\n", "")
    assert run("version", "--json").json == {"version": installed}
