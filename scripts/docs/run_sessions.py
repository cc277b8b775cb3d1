"""Run the commands and the code of documents, and compare their output with the documents.

    python scripts/docs/run_sessions.py
    python scripts/docs/run_sessions.py docs/tutorial-first-classifier.md
    python scripts/docs/run_sessions.py --fresh --bundles models/tickets docs/drift.md
    python scripts/docs/run_sessions.py --update docs/tutorial-first-classifier.md

Without a name it runs the documents in EXECUTED of `pages.py`. Each runs in a new folder with a copy of `examples/` and
of the bundles that the list names (`make demo` makes them). Blocks run in their order:

- ```python shares one namespace. With `>>>` the output is compared; without, an exception is a failure, and if a
  block of ```text follows at once, it must be what the code prints.
- ```console with `$`, and ```bash or ```sh share a shell. The output of ```console is compared. A command of ```bash
  must exit with 0 or 3; its output is not compared.
- `glossator serve` starts in the background, and the page goes on when the server listens. It ends with the page, or
  when the page starts another on its port. A free port takes the place of 8000, so that documents can run at once.
- A comment `<!-- run first:` holds commands for what the page assumes and does not show, such as a file of the reader.
  There, $ROOT is the folder of this repository.
- A block below `<!-- not run: REASON -->` is left out, for one of the REASONS in `pages.py`.

A line `...` stands for any lines. --update replaces the output in the document where it differs. Prints each
difference, and exits with 1 if there is any or if nothing ran. A document that is not listed runs in the current
folder, or with --fresh in a new one. Several documents run at once, one on each CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import io
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from pages import EXECUTED, REASONS, Block, blocks

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 0.05
"""Largest difference between a number in a document and in the output: scores differ a little between processors."""
SUCCESS = frozenset({0, 3})
"""Exit statuses of a command that did its work; with 3 it also rejected rows or texts (`glossator --help`)."""
PATIENCE = 600.0
"""Seconds after which a command is ended."""
KINDS = frozenset({"first", "shell", "console", "session", "python"})
"""The kinds of blocks that run."""
_PORTS = re.compile(r"(?<=--port )\d{4,5}\b")
_SERVES = re.compile(r"(?:\w+=\S* )*glossator serve(?! --help)\b")
_NUMBER = re.compile(r"-?\d+\.\d+")
_MACHINE = re.compile(
    r"\b[\d,.]+ (?=(?:texts|examples|rows)/s)|\b[\d,.]+ (?=(?:ms|s|min)\b)"
    r"|\b(?:[0-9a-f]{64}|(?=[a-f]*\d)[0-9a-f]{12})\b|[─━═]+"
    r"|\b20\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\+00:00|Z)?)?(?!\w)"
    r"|(?<=on cpu, )(?:bf16 autocast|fp32)\b"
    r"|\bgl_[\w-]{20,}|\bgl_…|\bjob_[0-9a-f]{24}\b|\b20\d{6}-\d{6}-[a-z]+-[0-9a-f]{4}\b"
)
"""What depends on the machine or the moment: speeds, times, precision, digests, widths of tables, keys, ids."""
_END = "session-end"


class NumberChecker(doctest.OutputChecker):
    """Compares outputs exactly, except for decimal numbers, which may differ by TOLERANCE."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if optionflags & doctest.ELLIPSIS and re.search(r"\.\.\.(?:\n|$)", want):
            return super().check_output(_NUMBER.sub("#", want), _NUMBER.sub("#", got), optionflags)
        wanted, found = (list(map(float, _NUMBER.findall(text))) for text in (want, got))
        close = len(wanted) == len(found) and all(abs(a - b) <= TOLERANCE for a, b in zip(wanted, found, strict=True))
        return close and super().check_output(_NUMBER.sub("#", want), _NUMBER.sub("#", got), optionflags)


class Ports:
    """The ports in a document, and the free ones that take their places."""

    def __init__(self, text: str) -> None:
        self._free = dict[str, str]()
        for port in {"8000", *_PORTS.findall(text)}:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._free[port] = str(probe.getsockname()[1])

    def used(self, text: str) -> str:
        """The text with the ports that are used."""
        return re.sub(rf"\b(?:{'|'.join(self._free)})\b", lambda match: self._free[match[0]], text)

    def shown(self, text: str) -> str:
        """The text with the ports of the document."""
        for port, free in self._free.items():
            text = re.sub(rf"\b{free}\b", port, text)
        return text


class Shell:
    """A shell in a folder, that runs one command after the other and returns what each prints."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._folder, self._ports = folder, ports
        self._servers = dict[str, int]()
        self.status = 0
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        port = ports.used("8000")
        environment = os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "ROOT": str(ROOT)}
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment | {"GLOSSATOR_PORT": port},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, progress: bool = False) -> str:
        """Return the output of a command, without lines of progress unless they are wanted.

        Servers run in the background.
        """
        command = self._ports.used(command)
        if _SERVES.match(command):
            return self._serve(re.sub(r"\s+#.*|\s*&\s*$", "", command))
        lines = self._run(command)
        text = "".join(lines if progress else _without_progress(lines))
        text = self._ports.shown(text.replace(f"{self._folder}/", ""))
        return text.strip("\n") + "\n" if text.strip() else ""

    def _run(self, command: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nprintf '\\n{_END} %s\\n' $?\n")
        self._process.stdin.flush()
        watch = threading.Timer(PATIENCE, os.killpg, (self._process.pid, signal.SIGKILL))
        watch.start()
        lines = list[str]()
        try:
            for line in self._process.stdout:
                if line.startswith(_END):
                    self.status = int(line.split()[1])
                    return lines
                lines.append(line)
        finally:
            watch.cancel()
        raise RuntimeError(f"the shell ended, or {PATIENCE:.0f} s were over:\n{command}\n{''.join(lines)}")

    def _serve(self, command: str) -> str:
        """Start a server, and wait until it listens. Returns what it prints if it ends before."""
        port = next(iter(_PORTS.findall(command)), self._ports.used("8000"))
        self._stop(port)
        with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
            self._servers[port] = process = int("".join(self._run(f"{command} >{log.name} 2>&1 &\necho $!")))
            deadline = time.monotonic() + PATIENCE
            while "listening on " not in (printed := log.read()):
                log.seek(0)
                if time.monotonic() > deadline or not _runs(process):
                    del self._servers[port]
                    self.status = 1
                    return printed
                time.sleep(0.05)
        self.status = 0
        return ""

    def _stop(self, port: str) -> None:
        if process := self._servers.pop(port, 0):
            self._run(f"kill {process}; wait {process}")

    def close(self) -> None:
        """End the servers, the shell, and what it left in the background."""
        with contextlib.suppress(RuntimeError, BrokenPipeError):
            for port in list(self._servers):
                self._stop(port)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.communicate()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


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
    """The commands of a block that shows no output; those that are not complete go on in the next line."""
    found, continued = list[Command](), False
    for number, row in enumerate(block.splitlines(), start=line):
        if continued:
            found[-1].text += "\n" + row
        elif row.strip() and not row.startswith("#"):
            found.append(Command(row, number, ""))
        else:
            continue
        continued = not _complete(found[-1].text)
    return found


def _complete(command: str) -> bool:
    """Whether a shell waits for nothing more: the end of a loop, a quote, or the text of a here-document."""
    if command.endswith("\\"):
        return False
    if not re.search(r"<<|'|\"|\b(?:do|then|case)\b|[({]", command):
        return True
    return not subprocess.run(["bash", "-n"], input=command + "\n", capture_output=True, text=True, check=False).stderr


def same(want: str, got: str) -> bool:
    """Return whether an output is the one in the document, except for what depends on the machine."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if (laid_out := _one_layout(want)) != want:
        want, got = laid_out, _one_layout(got)
    return NumberChecker().check_output(_MACHINE.sub(" ", want), _MACHINE.sub(" ", got), flags)


def _one_layout(output: str) -> str:
    """JSON on one line; a document may show it on several."""
    try:
        return json.dumps(json.loads(output)) + "\n" if output.startswith("{") else output
    except ValueError:
        return output


@dataclass(slots=True)
class Page:
    """A document that runs in a folder: how many examples ran and failed, and its text with the output of the run."""

    document: Path
    text: str
    shell: Shell
    ports: Ports
    ran: int = 0
    failed: int = 0
    updated: str = ""
    variables: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    runner: doctest.DocTestRunner = field(default_factory=lambda: doctest.DocTestRunner(NumberChecker()))

    def fail(self, line: int, said: str) -> None:
        """Count and print a failure."""
        self.failed += 1
        print(f'File "{self.document}", line {line}\n{said}')

    def plain(self, block: Block) -> None:
        """Run commands that must succeed."""
        for command in plain_commands(block.text, block.line):
            got = self.shell.run(command.text)
            self.ran += 1
            if self.shell.status not in SUCCESS:
                self.fail(command.line, f"$ {command.text}\nExit status {self.shell.status}:\n{got}")

    def console(self, block: Block, update: bool) -> None:
        """Run commands and compare their output."""
        rewritten = ""
        for command in commands(block.text, block.line):
            got = self.shell.run(command.text, progress="· " in command.want)
            self.ran += 1
            if same(command.want, got):
                got = command.want
            elif not update:
                self.fail(command.line, f"$ {command.text}\nExpected:\n{command.want}Got:\n{got}")
            rewritten += f"$ {command.text}\n{got}"
        self.updated = self.updated.replace(block.text, rewritten)

    def session(self, block: Block) -> None:
        """Run Python that shows its output after each prompt."""
        name = self.document.name
        session = doctest.DocTestParser().get_doctest(
            self.ports.used(block.text), self.variables, name, str(self.document), block.line - 1
        )
        failed, attempted = self.runner.run(session, clear_globs=False)
        self.variables = session.globs
        self.ran, self.failed = self.ran + attempted, self.failed + failed

    def python(self, block: Block, update: bool) -> None:
        """Run Python; if the document shows its output, compare it."""
        self.ran += 1
        printed = io.StringIO()
        code = "\n" * (block.line - 1) + self.ports.used(block.text)
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(self.document), "exec"), self.variables)
        except Exception:
            self.fail(block.line, f"{printed.getvalue()}{traceback.format_exc(limit=-3)}")
            return
        got = self.ports.shown(printed.getvalue())
        if block.output is None or same(block.output, got):
            return
        if update:
            self.updated = self.updated.replace(block.output, got)
        else:
            self.fail(block.line, f"Expected:\n{block.output}Got:\n{got}")


def run(document: Path, folder: Path, update: bool = False, only: frozenset[str] = KINDS) -> doctest.TestResults:
    """Run the blocks of a document in a folder. Returns how many examples ran and failed."""
    text = document.read_text(encoding="utf-8")
    ports = Ports(text)
    with contextlib.chdir(folder), contextlib.closing(Shell(folder, ports)) as shell:
        page = Page(document, text, shell, ports, updated=text)
        for block in blocks(text):
            if block.reason is not None:
                if block.reason not in REASONS:
                    reasons = ", ".join(sorted(REASONS))
                    raise SystemExit(f"{document}:{block.line}: {block.reason!r} is none of {reasons}")
            elif block.kind not in only:
                continue
            elif block.kind in {"shell", "first"}:
                page.plain(block)
            elif block.kind == "console":
                page.console(block, update)
            elif block.kind == "session":
                page.session(block)
            elif block.kind == "python":
                page.python(block, update)
    if update and page.updated != text:
        document.write_text(page.updated, encoding="utf-8")
    return doctest.TestResults(page.failed, page.ran)


def working_folder(fresh: bool, bundles: Sequence[str]) -> contextlib.AbstractContextManager[Path]:
    """The current folder, or a temporary one with a copy of the example corpora and of bundles."""
    return _new_folder(bundles) if fresh else contextlib.nullcontext(Path.cwd())


@contextlib.contextmanager
def _new_folder(bundles: Sequence[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "examples").mkdir()
        for file in (ROOT / "examples").iterdir():
            if file.suffix in {".csv", ".jsonl", ".py"} and file.name != "__init__.py":
                shutil.copy(file, folder / "examples")
        for bundle in bundles:
            shutil.copytree(ROOT / "demo" / Path(bundle).name, folder / bundle)
        yield folder


def _cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main(arguments: Sequence[str]) -> int:
    """Run every document that is named. Returns 1 if an example fails, or if a document has none."""
    parser = argparse.ArgumentParser(description="Run the commands and the code of documents.")
    parser.add_argument("documents", nargs="*", type=Path)
    parser.add_argument("--fresh", action="store_true", help="run each in a new folder with a copy of examples/")
    parser.add_argument("--bundles", default="", help="copies of those of demo/: models/tickets,models/entities")
    parser.add_argument("--here", action="store_true", help="run in the current folder, also those that are listed")
    parser.add_argument("--sessions", action="store_true", help="only Python with >>>, which needs no extras")
    parser.add_argument("--update", action="store_true", help="write the output into the document")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as shared:
        os.environ.setdefault("SHARED", shared)
        documents = options.documents or [ROOT / name for name in EXECUTED]
        if len(documents) == 1:
            return _run_one(documents[0], options)
        flags = [argument for argument in arguments if Path(argument) not in options.documents]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return max(pool.map(lambda document: _run_process(document, flags), documents))


def _run_process(document: Path, flags: Sequence[str]) -> int:
    """Run a document in a process of its own: Python blocks set the working directory of their process."""
    command = [sys.executable, "-P", __file__, *flags, str(document)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    print(result.stdout, end="", flush=True)
    print(result.stderr, end="", file=sys.stderr, flush=True)
    return result.returncode


def _run_one(document: Path, options: argparse.Namespace) -> int:
    path = document.resolve()
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    fresh = options.fresh or (name in EXECUTED and not options.here)
    bundles = [each for each in options.bundles.split(",") if each] or EXECUTED.get(name, ())
    before = _cpu()
    with working_folder(fresh, bundles) as folder:
        results = run(path, folder, options.update, frozenset({"session"}) if options.sessions else KINDS)
    print(f"{document}: {results.attempted} examples, {results.failed} failed", file=sys.stderr)
    print(f"  {_cpu() - before:.1f} s of CPU", file=sys.stderr)
    return 1 if results.failed or not results.attempted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
