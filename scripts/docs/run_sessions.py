"""Run the sessions of documents and compare their output with the documents.

    python scripts/docs/run_sessions.py README.md ...
    python scripts/docs/run_sessions.py --fresh docs/tutorial-first-classifier.md
    python scripts/docs/run_sessions.py --fresh --update docs/tutorial-first-classifier.md
    python scripts/docs/run_sessions.py

Without a name it runs the documents in EXECUTED, and in this repository those in IN_DEMO. Blocks of ```python with
`>>>` share the variables of their document. Blocks of ```console with `$` and blocks of ```bash share a shell. A
command of ```bash must succeed; its output is not compared. A block below `<!-- not run: REASON -->` is left out, for
one of the reasons in REASONS.

Sessions run in the current folder, so the README's session finds `demo/tickets` after `make demo`; with --fresh, and
those in EXECUTED, in a new folder that holds only a copy of `examples/`. A line `...` stands for any
lines. --update replaces the output of commands in the document where it differs. Prints each difference, and exits with
1 if there is any or if there is no session.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 0.05
"""Largest difference between a number in a document and in the output: scores differ a little between processors."""
EXECUTED = ("docs/tutorial-first-classifier.md", "docs/clean-a-corpus.md")
"""Documents that run in a new folder, with nothing but the example corpora and what an earlier block wrote."""
IN_DEMO = ("README.md",)
"""Documents that run in the root of this repository, after `make demo`."""
REASONS = frozenset({"needs answers of people", "needs a cluster", "needs a network", "needs a cloud bucket"})
"""Why a block of a document that runs may be left out."""
SUCCESS = frozenset({0, 3})
"""Exit statuses of a command that did its work; with 3 it also rejected rows or texts (`glossator --help`)."""
PORT = "8000"
"""The port in documents. A free one takes its place, so that several documents can run at once."""
_NUMBER = re.compile(r"-?\d+\.\d+")
BLOCK = re.compile(r"(?:^<!-- not run: (?P<reason>.*?) -->\n\n?)?^```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S)
_MACHINE = re.compile(
    r"\b[\d,.]+ (?=(?:texts|examples|rows)/s)|\b[\d,.]+ (?=(?:ms|s|min)\b)"
    r"|\b(?:[0-9a-f]{64}|(?<=@)[0-9a-f]{12})\b|[─━═]+"
)
"""What depends on the machine or the moment: speeds, times, digests of models, widths of tables."""
_END = "session-end"


class NumberChecker(doctest.OutputChecker):
    """Compares outputs exactly, except for decimal numbers, which may differ by TOLERANCE."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if optionflags & doctest.ELLIPSIS and "...\n" in want:
            return super().check_output(_NUMBER.sub("#", want), _NUMBER.sub("#", got), optionflags)
        wanted, found = (list(map(float, _NUMBER.findall(text))) for text in (want, got))
        close = len(wanted) == len(found) and all(abs(a - b) <= TOLERANCE for a, b in zip(wanted, found, strict=True))
        return close and super().check_output(_NUMBER.sub("#", want), _NUMBER.sub("#", got), optionflags)


class Shell:
    """A shell in a folder, that runs one command after the other and returns what each prints."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self._folder = folder
        self.status = 0
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        environment = os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """Return the output of a command without lines of progress. A server in the background is waited for."""
        assert self._process.stdin is not None
        background = command.rstrip().endswith("&")
        marker = "" if background else f"\nprintf '\\n{_END} %s\\n' $?"
        self._process.stdin.write(f"{command.replace(PORT, self._port)}{marker}\n")
        self._process.stdin.flush()
        lines = list(self._lines("listening on " if background else _END))
        if background:
            return ""
        text = "".join(_without_progress(lines)).replace(f"{self._folder}/", "").replace(self._port, PORT)
        return text.strip("\n") + "\n" if text.strip() else ""

    def _lines(self, last: str) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(last):
                self.status = int(line.split()[1]) if last == _END else 0
                return
            yield line
        raise RuntimeError("the shell ended before the command")

    def close(self) -> None:
        """End the shell and what it left in the background."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.communicate()


def _without_progress(lines: Sequence[str]) -> Iterator[str]:
    """Lines without those of progress on stderr, which begin with a dot, and without what is indented under them."""
    skipping = False
    for line in lines:
        skipping = line.startswith("· ") or (skipping and line.startswith("  "))
        if not skipping:
            yield line


@dataclass(slots=True)
class Command:
    """A command of a console block, its line in the document, and the output below it."""

    text: str
    line: int
    want: str


def commands(block: str, line: int) -> list[Command]:
    """The commands of a console block; a line that ends with a backslash goes on in the next."""
    found, continued = list[Command](), False
    for number, row in enumerate(block.splitlines(), start=line):
        if continued:
            found[-1].text += "\n" + row
        elif row.startswith("$ "):
            found.append(Command(row[2:], number, ""))
        elif found:
            found[-1].want += row + "\n"
        continued = row.endswith("\\") and not (found and found[-1].want)
    return found


def plain_commands(block: str, line: int) -> list[Command]:
    """The commands of a block that shows no output; a line that ends with a backslash goes on in the next."""
    found, continued = list[Command](), False
    for number, row in enumerate(block.splitlines(), start=line):
        if continued:
            found[-1].text += "\n" + row
        elif row.strip() and not row.startswith("#"):
            found.append(Command(row, number, ""))
        continued = bool(found) and found[-1].text.endswith("\\")
    return found


def same(want: str, got: str) -> bool:
    """Return whether an output is the one in the document, except for what depends on the machine."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return NumberChecker().check_output(_MACHINE.sub(" ", want), _MACHINE.sub(" ", got), flags)


def run(document: Path, folder: Path, update: bool = False) -> doctest.TestResults:
    """Run the sessions of a document in a folder. Returns how many examples ran and failed."""
    text = document.read_text(encoding="utf-8")
    parser, runner, variables = doctest.DocTestParser(), doctest.DocTestRunner(NumberChecker()), dict[str, Any]()
    ran, failed, updated = 0, 0, text
    with contextlib.chdir(folder), contextlib.closing(Shell(folder)) as shell:
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start("text"))
            if block["reason"]:
                if block["reason"] not in REASONS:
                    raise SystemExit(f"{document}:{line}: {block['reason']!r} is none of {', '.join(sorted(REASONS))}")
                continue
            if block["language"] == "bash":
                for command in plain_commands(block["text"], line + 1):
                    got = shell.run(command.text)
                    ran += 1
                    if shell.status not in SUCCESS:
                        failed += 1
                        place = f'File "{document}", line {command.line}'
                        print(f"{place}\n$ {command.text}\nExit status {shell.status}:\n{got}")
                continue
            if block["language"] == "python":
                session = parser.get_doctest(block["text"], variables, document.name, str(document), line)
                runner.run(session, clear_globs=False)
                variables = session.globs
                continue
            if block["language"] != "console":
                continue
            rewritten = ""
            for command in commands(block["text"], line + 1):
                got = shell.run(command.text)
                ran += 1
                if same(command.want, got):
                    got = command.want
                elif not update:
                    failed += 1
                    place = f'File "{document}", line {command.line}'
                    print(f"{place}\n$ {command.text}\nExpected:\n{command.want}Got:\n{got}")
                rewritten += f"$ {command.text}\n{got}"
            updated = updated.replace(block["text"], rewritten)
    if update and updated != text:
        document.write_text(updated, encoding="utf-8")
    results = runner.summarize(verbose=False)
    return doctest.TestResults(results.failed + failed, results.attempted + ran)


@contextlib.contextmanager
def working_folder(fresh: bool) -> Iterator[Path]:
    """The current folder, or a temporary one with a copy of the example corpora."""
    if not fresh:
        yield Path.cwd()
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "examples").mkdir()
        for file in (ROOT / "examples").iterdir():
            if file.suffix in {".csv", ".jsonl"}:
                shutil.copy(file, folder / "examples")
        yield folder


def main(arguments: Sequence[str]) -> int:
    """Run every document that is named. Returns 1 if an example fails, or if a document has none."""
    parser = argparse.ArgumentParser(description="Run the sessions of documents and compare their output.")
    parser.add_argument("documents", nargs="*", type=Path)
    parser.add_argument("--fresh", action="store_true", help="run each in a new folder with a copy of examples/")
    parser.add_argument("--update", action="store_true", help="write the output of commands into the document")
    options = parser.parse_args(arguments)
    failed = 0
    named = [(document, options.fresh) for document in options.documents]
    listed = [(ROOT / name, name in EXECUTED) for name in (*EXECUTED, *IN_DEMO)]
    for document, fresh in named or listed:
        with working_folder(fresh) as folder:
            results = run(document.resolve(), folder if named or fresh else ROOT, options.update)
        print(f"{document}: {results.attempted} examples, {results.failed} failed", file=sys.stderr)
        failed += results.failed or not results.attempted
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
