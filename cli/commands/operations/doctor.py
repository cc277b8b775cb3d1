"""`glossator doctor`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.support.console import FAILED, OK, Json, print_json, stdout

_MARKS = {"good": "[green]ok[/green]  ", "warn": "[yellow]warn[/yellow]", "bad": "[red]bad[/red] "}


def doctor(
    folder: Annotated[Path, typer.Argument(help="Where jobs or models will stand.")] = Path("."),
    as_json: Json = False,
) -> int:
    """Look at the machine: processor, threads, memory, disk, SQLite; each with its mend.

    Exits with 1 where something would fail; what is only slow is a warning.

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
            if each.mend:
                console.print(f"     {each.mend}", markup=False)
    return FAILED if any(each.state == "bad" for each in findings) else OK
