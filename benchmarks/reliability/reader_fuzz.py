"""Damaged files of every format: bytes of a small file are changed, or the XML within it, and it is read.

    python -m benchmarks.reliability.reader_fuzz [--count 10000] [--through 200] [--seed 1]

Most mutants are read one after another by a process with the limits of a reader: that is fast, and a mutant that ends
the process is counted. Some go the whole way, each through a process of its own.
What counts: mutants that end or block the process that reads them, that raise anything but an error of Glossator, or
that harm the process that asked. Writes benchmarks/results/reader_fuzz/.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import select
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.results import ROOT, write_report, write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from sample_files import sample_files

from glossator.evaluation.markdown import markdown_table
from glossator.service.documents.isolation.limits import CPU_SECONDS, MEMORY_MB
from glossator.service.documents.sources.open_source import open_source
from glossator.service.errors import GlossatorError
from glossator.service.inference.runtime.machine import describe_machine

LIMIT_SECONDS = 10
"""Processor time of one mutant; a process that is silent for WAIT_SECONDS hangs."""
WAIT_SECONDS = 120.0
_ENDED = ("crashed its parser", "too much processor time", "too much memory", "took too long", "ended from outside")
_XML_VALUE = re.compile(rb'="[^"]*"')
_VALUES = (b"", b"0", b"-1", b"1048577", b"4294967296", b"99999999999999999999", b"XFD1048576", b"x" * 300, b"\xff")
_CHILD = """
import json, os, sys, tempfile, traceback
out = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
from glossator.service.documents.isolation.limits import ReadingLimits, extend_cpu_limit, limit_this_process
from glossator.service.documents.sources.open_reader import open_reader
from glossator.service.documents.sources.reader_errors import as_input_error
from glossator.service.errors import GlossatorError
limits = ReadingLimits.from_environment()
limit_this_process(limits, file_bytes=1 << 30)
for line in sys.stdin:
    extend_cpu_limit(limits)
    place = ""
    try:
        count = bad = 0
        with open_reader(line.strip()) as source:
            source.describe(), source.all_decisions()
            for record in source.records():
                count += 1
                bad += record.error is not None
                if count > 300_000:
                    break
        outcome = "rows" if not bad else "rows, some with errors" if bad < count else "rows with errors"
    except GlossatorError as error:
        outcome = error.code
    except Exception as error:
        outcome = "unexpected " + type(error).__name__
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename}:{frame.lineno}: {error}"[:300]
    print(json.dumps([outcome, place]), file=out, flush=True)
"""


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with damage: in a member, if the file is a ZIP archive, or anywhere."""
    if data.startswith(b"PK\x03\x04") and chance.random() < 0.75:
        return _member_mutated(data, chance)
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        kind, at = chance.randrange(6), chance.randrange(len(made) + 1)
        length = chance.choice((1, 1, 2, 4, 16, 64))
        if kind == 0:
            made[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del made[at : at + length]
        elif kind == 2:
            made[at:at] = made[at : at + length] * chance.choice((1, 3, 50))
        elif kind == 3:
            made[at : at + length] = chance.choice((b"\xff", b"\x00", b"\x7f", b"<", b'"', b"\n", b"{")) * length
        elif kind == 4 and made:
            del made[chance.randrange(len(made)) :]
        else:
            values = list(_XML_VALUE.finditer(made))
            if values:
                value = chance.choice(values)
                made[value.start() : value.end()] = b'="' + chance.choice(_VALUES) + b'"'
    return bytes(made)


def _member_mutated(data: bytes, chance: random.Random) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as after:
        chosen = chance.randrange(len(before.infolist()))
        for number, member in enumerate(before.infolist()):
            content = before.read(member)
            after.writestr(zipfile.ZipInfo(member.filename), mutated(content, chance) if number == chosen else content)
    return made.getvalue()


def mutants(count: int, seed: int) -> list[tuple[str, bytes]]:
    """Return mutants of every format in turn: the name of the file, and its bytes."""
    chance, seeds = random.Random(seed), list(sample_files().items())
    return [(name, mutated(data, chance)) for name, data in (seeds[number % len(seeds)] for number in range(count))]


@dataclass
class Found:
    """What became of mutants."""

    outcomes: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    """How processes ended, by format."""
    hangs: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    """Errors that are none of Glossator's: the boundary makes them one."""
    longest: float = 0.0


class Reader:
    """A process that reads one file after another."""

    def __init__(self) -> None:
        environment = os.environ | {CPU_SECONDS: str(LIMIT_SECONDS), MEMORY_MB: "1024"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment,
        )  # fmt: skip

    def read(self, path: Path) -> tuple[str, str]:
        """Return the outcome for a file, and where an unexpected error was raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n".encode())
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], WAIT_SECONDS)[0]:
            self._process.kill()
            return "hangs", ""
        line = self._process.stdout.readline()
        if not line:
            return f"ended its process ({self._process.wait()})", ""
        outcome, place = json.loads(line)
        return str(outcome), str(place)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def read_in_one_process(files: list[tuple[str, bytes]]) -> Found:
    """Return what became of the files; a process that one of them ends is replaced."""
    found = Found()
    reader = Reader()
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, data in files:
                path = Path(folder, name)
                path.write_bytes(data)
                began = time.perf_counter()
                outcome, place = reader.read(path)
                found.longest = max(found.longest, time.perf_counter() - began)
                found.outcomes[outcome] += 1
                if place:
                    found.unexpected.append(f"{name}: {outcome}: {place}")
                if outcome.startswith(("ended", "hangs")):
                    found.ended[f"{path.suffix}: {outcome}"] += 1
                    found.hangs += [name] if outcome == "hangs" else []
                    reader.close()
                    reader = Reader()
                path.unlink()
        finally:
            reader.close()
    return found


def read_through(files: list[tuple[str, bytes]]) -> Found:
    """Return what became of the files behind `open_source`: rows or an error of Glossator, or the run fails."""
    found = Found()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files:
            path = Path(folder, name)
            path.write_bytes(data)
            began = time.perf_counter()
            try:
                with open_source(path) as source:
                    bad = sum(record.error is not None for record in source.records())
                outcome = "rows with errors" if bad else "rows"
            except GlossatorError as error:
                ended = next((sign for sign in _ENDED if sign in error.message), None)
                outcome = error.code
                if ended is not None:
                    found.ended[f"{path.suffix}: {ended}"] += 1
            found.outcomes[outcome] += 1
            found.longest = max(found.longest, time.perf_counter() - began)
            path.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--through", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = read_in_one_process(mutants(options.count, options.seed))
    through = read_through(mutants(options.through, options.seed + 1))
    ended, unexpected = sum(found.ended.values()), len(found.unexpected)
    files, machine = len(sample_files()), describe_machine()[0]
    counts = [[kind, f"{number:,}"] for kind, number in found.outcomes.most_common()]
    text = "\n".join([
        "# Damaged files of every format", "",
        f"{options.count:,} mutants of {files} files (seed {options.seed}), {machine}. Repeat with "
        f"`python -m benchmarks.reliability.reader_fuzz --count {options.count}`.", "",
        f"{ended} ended the process that read them, {len(found.hangs)} blocked it, {unexpected} raised an error that "
        f"only the boundary turns into one of Glossator. The longest took {found.longest:.2f} s. Of "
        f"{options.through:,} more that went through `open_source`, each in a process of its own, all gave rows or an "
        f"error; {sum(through.ended.values())} ended their process.", "",
        markdown_table(["what became of it", "mutants"], counts),
    ])  # fmt: skip
    write_report("reader_fuzz", text)
    record = {
        "mutants": options.count, "through": options.through, "ended": ended, "hangs": len(found.hangs),
        "unexpected": unexpected, "longest_seconds": round(found.longest, 2),
        "counts": dict(found.outcomes), "endings": dict(found.ended), "endings_through": dict(through.ended),
    }  # fmt: skip
    write_result("reader_fuzz", record)
    print(text)
    for line in found.unexpected[:40]:
        print(line)
    if found.hangs:
        sys.exit(1)


if __name__ == "__main__":
    main()
