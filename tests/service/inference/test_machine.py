"""What the words about a machine say of its instructions."""

from __future__ import annotations

from service.inference.machine import describe_machine, other_instructions


def test_the_same_machine_differs_in_nothing() -> None:
    assert other_instructions(describe_machine()[0]) is None


def test_what_only_the_other_machine_has_is_named() -> None:
    mine, _ = describe_machine()
    assert other_instructions(mine.replace("(", "(amx_int8 ", 1)) == "the machine of the export also has amx_int8"


def test_what_only_this_machine_has_is_named() -> None:
    mine = describe_machine()[0]
    names = mine[mine.rindex("(") + 1 : mine.rindex(")")].split()
    known = [name for name in names if not name.startswith(("x86", "aarch64"))]
    expected = f"this one also has {', '.join(known)}" if known else None
    assert other_instructions("a processor that says nothing") == expected
