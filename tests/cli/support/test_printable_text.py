from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glossator.cli.support.console import stdout
from glossator.cli.support.printable_text import printable_text

Run = Callable[..., Any]
ESC = "\x1b]0;owned\x07\x1b[31m"
UNSAFE = "\x1b\x07\x08\x0d\x9b\x7f\u202e\u2028"


def test_ordinary_text_is_unchanged() -> None:
    text = "größer, 北京\u3000、👩‍🚀, a\u00a0b, tab\tand line\n"
    assert printable_text(text) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x9b31m\rb", "a\\x9b31m\\x0db"),
        ("a\u202eb\u2028c", "a\\u202eb\\u2028c"),
        ("not utf-8 \udcff", "not utf-8 \\udcff"),
    ],
)
def test_what_commands_a_terminal_or_cannot_be_encoded_is_escaped(text: str, printed: str) -> None:
    assert printable_text(text) == printed


def test_consoles_print_no_unsafe_characters_in_lines_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table(ESC)
    table.add_row(f"cell {ESC}")
    stdout().print(f"line {ESC}", markup=False)
    stdout().print(table)
    printed = capsys.readouterr().out
    assert "line \\x1b]0;owned\\x07\\x1b[31m" in printed
    assert not set(UNSAFE) & set(printed)


@pytest.mark.parametrize("name", [f"a{ESC}.csv", "b\x9b2J\u202e.csv", os.fsdecode(b"c\xff.csv")])
@pytest.mark.parametrize(
    "content", ["text,label\nhello there,a\nbye bye now,b\nhello again,a\nbye again,b\n", "text\na\n", ""]
)
def test_names_of_files_cannot_command_a_terminal(run: Run, folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    for arguments in (("wrangle", name), ("wrangle", f"{name}.missing"), ("wrangle", name, "--text-column", ESC)):
        result = run(*arguments)
        assert not set(UNSAFE) & set(result.out + result.err)
        (result.out + result.err).encode()


def test_labels_and_texts_in_a_report_cannot_command_a_terminal(run: Run, folder: Path) -> None:
    (folder / "a.csv").write_text(f"text,label{ESC}\nhello {ESC},{ESC}a\nbye bye now,b\nhello again,{ESC}a\nbye,b\n")
    result = run("wrangle", "a.csv", "--text-column", "text", "--label-column", "2")
    assert "[31ma" in result.out
    assert not set(UNSAFE) & set(result.out + result.err)
