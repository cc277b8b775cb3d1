"""`glossator doctor`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.console import FAILED, OK, Json, print_json, stdout

_MARKS = {"good": "[green]ok[/green]  ", "warn": "[yellow]warn[/yellow]", "bad": "[red]bad[/red] "}


def doctor(
    folder: Annotated[Path, typer.Argument(help="Folder for jobs or models: its disk is checked.")] = Path("."),
    as_json: Json = False,
) -> int:
    """Check this machine: processor, threads, memory, disk, SQLite; each problem with its fix.

    Exits with 1 if something would fail. What is only slow is a warning.

    \b
    Example:
      glossator doctor
    """
    from glossator.service.doctor import examine

    findings = examine(folder)
    if as_json:
        print_json({"findings": [asdict(each) for each in findings]})
    else:
        console = stdout()
        for each in findings:
            console.print(_MARKS[each.state], end=" ")
            console.print(f"{each.name}: {each.found}", markup=False)
            if each.hint:
                console.print(f"     {each.hint}", markup=False)
    return FAILED if any(each.state == "bad" for each in findings) else OK
