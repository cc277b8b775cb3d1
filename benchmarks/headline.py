"""Measure all figures of the README again on this machine, and say which changed.

    python -m benchmarks.headline [--only engines,bulk] [--data FOLDER] [--work FOLDER]        (`make bench-headline`)

Runs the benchmarks of the README one after the other; the first run also fine-tunes the model on banking77 and installs
the rivals into environments of their own under `--work`. Then it prints every figure as the README shows it and as it
is in the result of this kind of machine. Close other programs first. Exits with 1 if a figure changed, with 2 if a
benchmark failed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import texts as texts_of
from benchmarks.common.results import RESULTS, ROOT, machine_kind
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

sys.path.insert(0, str(ROOT / "scripts" / "figures"))
from fill_figures import Results, UnknownFigure

_FIGURE = re.compile(r"<!--figure (\S+?)-->(.*?)<!--/figure-->")
MODEL = "accuracy-banking77"
"""The benchmark that trains the model of others."""
BENCHMARKS: Mapping[str, list[str]] = {
    MODEL: ["benchmarks.quality.accuracy", "banking77", "--data", "{data}", "--work", "{work}"],
    "engines": ["benchmarks.speed.engines", "--data", "{data}", "--work", "{work}", "--checkpoint", "{checkpoint}",
                "--bundle", "{bundle}"],
    "bulk": ["benchmarks.speed.bulk", "{bundle}", "{texts}", "--rows", "2000", "--checkpoint", "{checkpoint}"],
    "invariance": ["benchmarks.quality.invariance", "--data", "{data}", "--work", "{work}", "--checkpoint",
                   "{checkpoint}", "--bundle", "{bundle}"],
    "kill_sweep": ["benchmarks.reliability.kill_sweep"],
    "live_accuracy": ["benchmarks.loop.live_accuracy", "--data", "{data}"],
    "promotion": ["benchmarks.loop.promotion", "--data", "{data}"],
}  # fmt: skip
"""By the name of the result, the module and its arguments."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure of the README."""

    name: str
    text: str

    @property
    def result(self) -> str:
        """The benchmark that it comes from."""
        return self.name.partition(".")[0].partition("@")[0]


def figures_of(text: str) -> Iterator[Shown]:
    """Every figure of a document, once."""
    for name, shown in dict.fromkeys(_FIGURE.findall(text)):
        yield Shown(name, shown)


def compare(shown: list[Shown], results: Any, kind: str) -> list[tuple[str, str, str, str]]:
    """Rows of name, text in the document, text in the result of a kind of machine, and what that means."""
    rows = []
    for each in shown:
        name = f"{each.result}@{kind}.{each.name.partition('.')[2]}"
        try:
            now = results.text(name)
        except UnknownFigure as error:
            rows.append((name, each.text, "", str(error).split(". It has")[0]))
        else:
            rows.append((name, each.text, now, "" if now == each.text else "changed"))
    return rows


def run(command: list[str], places: Mapping[str, Path]) -> int:
    """Run a benchmark; return its exit code."""
    words = [sys.executable, "-m", *(word.format(**places) for word in command)]
    print("$ python", *words[1:], flush=True)
    began = time.monotonic()
    code = subprocess.run(words, cwd=ROOT, check=False).returncode
    print(f"exit code {code} after {time.monotonic() - began:,.0f} s", flush=True)
    return code


def write_texts(file: Path, data: Path) -> None:
    """Write banking77's test texts as JSON lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"text": text}) for text, _ in texts_of.banking77_test(data))
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(BENCHMARKS), help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work"))
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := set(wanted) - BENCHMARKS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    model = options.work / "banking77"
    places = {"data": options.data, "work": options.work, "checkpoint": model / "checkpoint",
              "bundle": model / "banking77", "texts": options.work / "headline" / "banking77-test.jsonl"}  # fmt: skip
    if "bulk" in wanted:
        write_texts(places["texts"], options.data)
    if MODEL not in wanted and {"engines", "bulk", "invariance"} & set(wanted) and not places["bundle"].is_dir():
        wanted = [MODEL, *wanted]
    failed = [name for name in wanted if run(BENCHMARKS[name], places)]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = compare([each for each in figures_of(readme) if each.result in wanted], Results(RESULTS),
                   machine_kind(describe_machine()[0]))  # fmt: skip
    print(markdown_table(["figure", "in the README", "on this machine", ""], rows))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        return 2
    return int(any(row[3] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
