"""What the words about a machine say of its instructions."""

from __future__ import annotations

from glossator.service.inference.runtime.machine import describe_machine, other_instructions

OLD = "Old(R) Processor (avx2 avx512f), 2 CPUs, ONNX Runtime 1.32.0"
NEW = "New(R) Processor (avx2 avx512f avx512_vnni amx_int8), 64 CPUs, ONNX Runtime 1.32.0"


def test_the_same_machine_differs_in_nothing() -> None:
    mine = describe_machine()[0]
    assert other_instructions(mine, mine) is None


def test_what_only_the_other_machine_has_is_named() -> None:
    assert other_instructions(NEW, OLD) == "the machine of the export also has avx512_vnni, amx_int8"


def test_what_only_this_machine_has_is_named() -> None:
    assert other_instructions(OLD, NEW) == "this one also has avx512_vnni, amx_int8"


def test_a_processor_that_says_nothing_has_nothing_special() -> None:
    assert other_instructions("a processor", OLD) == "this one also has avx2, avx512f"
