"""`glossator help`"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize(("arguments", "same_as"), [([], ["--help"]), (["train"], ["train", "--help"])])
def test_help_prints_what_the_option_prints(run: Run, arguments: list[str], same_as: list[str]) -> None:
    result = run("help", *arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out == run(*same_as).out


def test_help_of_a_subcommand(run: Run) -> None:
    result = run("help", "models", "add")
    assert result.out.startswith("Usage: glossator models add ")
    assert result.out == run("models", "add", "--help").out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "expected: one of demo, help"),
        (["keys", "ad"], "expected: one of add"),
        (["train", "x"], "after train"),
    ],
)
def test_an_unknown_command_is_an_error(run: Run, words: list[str], expected: str) -> None:
    result = run("help", *words)
    assert (result.code, result.out) == (2, "")
    assert f"there is no such command\n  found: {' '.join(words)}" in result.err
    assert expected in result.err
