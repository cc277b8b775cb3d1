"""Damaged and hostile graphs: bytes of a bundle's graph are changed, its hashes are updated, and it is loaded.

    python -m benchmarks.reliability.mutants [--count 10000] [--seed 1]

Every mutant is loaded as a server would load it the first time, in a process of its own kind; that process is used
again until one ends it. What counts: how many end it, how many hang, how many answer otherwise than the bundle was
exported with, and whether a file outside the bundle's folder is opened: by Python, as its audit hook tells, and by
native code, as strace tells where there is one. Writes benchmarks/results/mutants/.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common.results import ROOT, write_report, write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from vote_bundle import vote_bundle

from benchmarks.common.tampering import seal
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

SLOW_SECONDS = 20.0
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=open,openat,openat2,creat")
_OPENED = re.compile(r'(?:open|openat|openat2|creat)\((?:[A-Z_]+, |\d+, )?"((?:[^"\\]|\\.)*)"')
_GRAPH = "onnx/model.onnx"
_CHILD = """
import json, os, sys
from pathlib import Path
out = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what native code prints is no answer
from glossator.service.errors import BundleError
from glossator.service.inference.model import load
load(Path(sys.argv[1]), threads=1)
open(sys.argv[3], "w").close()
allowed = tuple(sys.argv[2].split("|"))
outside = []
def hear(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(args[0]))
        if not (path + "/").startswith(allowed):
            outside.append(path)
sys.addaudithook(hear)
for line in sys.stdin:
    outside.clear()
    try:
        load(Path(line.strip()), threads=1)
        outcome = "loads, and answers as exported"
    except BundleError as error:
        outcome = error.faults[0].name if error.faults else error.code
    except Exception as error:  # refused too, by the process that loads it first
        outcome = f"fails with {type(error).__name__}"
    print(json.dumps([outcome, outside]), file=out, flush=True)
"""


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one kind of damage: changed bytes, a part cut out, doubled or moved, a number made huge."""
    made = bytearray(data)
    kind = chance.randrange(5)
    if kind == 0:
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            made[chance.randrange(len(made))] = chance.randrange(256)
    elif kind == 1:
        start = chance.randrange(len(made))
        del made[start : start + chance.randrange(1, 32)]
    elif kind == 2:
        start = chance.randrange(len(made))
        made[start:start] = made[start : start + chance.randrange(1, 64)]
    elif kind == 3:
        start = chance.randrange(len(made))
        made[start : start + 1] = b"\xff" * chance.randrange(1, 9) + b"\x7f"
    else:
        start, other = sorted(chance.randrange(len(made)) for _ in range(2))
        part = made[start : start + 16]
        made[other : other + len(part)] = part
    return bytes(made)


@dataclass
class Found:
    """The outcome and the seconds of each mutant, in order, and every file outside that any of them opened."""

    traced: bool
    outcomes: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)

    @property
    def ended(self) -> int:
        """How many ended the process that loaded them."""
        return sum(outcome.startswith("ended") for outcome in self.outcomes)


class Loader:
    """A process that loads one bundle after another."""

    def __init__(self, good: Path, work: Path, *, traced: bool) -> None:
        inside = [f"{work / name}/" for name in ("mutant", "cache")]
        self._allowed = (*inside, sys.prefix, sys.base_prefix, str(ROOT), "/proc", "/sys", "/dev/null")
        self._trace = work / "trace" if traced else None
        self._began = work / "began"
        before = [] if self._trace is None else [*STRACE, "-o", str(self._trace)]
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", _CHILD, str(good), "|".join(self._allowed), str(self._began)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            env=os.environ | {"GLOSSATOR_CACHE_DIR": str(work / "cache")},
        )  # fmt: skip

    def ask(self, folder: Path) -> tuple[str, list[str], float]:
        """What became of a bundle, what was opened outside, and the seconds that it took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        began = time.perf_counter()
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        took = time.perf_counter() - began
        if not line:
            return f"ended its process ({self.process.wait()})", [], took
        outcome, outside = json.loads(line)
        return outcome, outside, took

    def close(self) -> set[str]:
        """Ends it; what it has opened outside, as strace has seen it."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait()
        if self._trace is None:
            return set()
        _, began, after = self._trace.read_text(errors="replace").partition(str(self._began))
        assert began, "strace has not seen the mutants"
        opened = {os.path.normpath(ROOT / path) for path in _OPENED.findall(after)}
        return {path for path in opened if not f"{path}/".startswith(self._allowed)}


def outcomes(count: int, seed: int) -> Found:
    """What became of mutants."""
    chance = random.Random(seed)
    found = Found(traced=shutil.which("strace") is not None)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        good = vote_bundle(work / "good", "single_label_classification")
        graph = (good / _GRAPH).read_bytes()
        loader = Loader(good, work, traced=found.traced)
        try:
            for _ in range(count):
                mutant = work / "mutant"
                shutil.rmtree(mutant, ignore_errors=True)
                shutil.copytree(good, mutant)
                (mutant / _GRAPH).write_bytes(mutated(graph, chance))
                seal(lambda fields: None, mutant)
                outcome, outside, took = loader.ask(mutant)
                found.outcomes.append(outcome)
                found.seconds.append(took)
                found.outside.update(outside)
                if outcome.startswith("ended"):
                    found.outside |= loader.close()
                    loader = Loader(good, work, traced=found.traced)
        finally:
            found.outside |= loader.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = outcomes(options.count, options.seed)
    counts = Counter(found.outcomes)
    slow = sum(took > SLOW_SECONDS for took in found.seconds)
    how = "Python's audit hook and strace" if found.traced else "Python's audit hook alone"
    text = "\n".join([
        "# Mutants of a graph", "",
        f"{options.count:,} mutants (seed {options.seed}), {describe_machine()[0]}. Repeat with "
        f"`python -m benchmarks.reliability.mutants --count {options.count}`.", "",
        f"{found.ended} ended the process that loads unknown bundles first, which is not the server's; {slow} took "
        f"longer than {SLOW_SECONDS:g} s; {len(found.outside)} files outside were opened ({how}). The longest took "
        f"{max(found.seconds):.2f} s.", "",
        markdown_table(["what became of it", "mutants"], [[outcome, f"{n:,}"] for outcome, n in counts.most_common()]),
    ])  # fmt: skip
    write_report("mutants", text)
    write_result("mutants", {"counts": counts, "outside": sorted(found.outside), "traced": found.traced, "slow": slow})
    print(text)
    if found.outside or slow or found.ended:
        sys.exit("a mutant opened a file outside, ended its process, or took too long")


if __name__ == "__main__":
    main()
