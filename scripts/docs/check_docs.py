"""Holds the documents against the project: links, paths, commands, options, make targets, snippets.

`python scripts/docs/check_docs.py [FOLDER]` prints `FILE:LINE: what is wrong` for each fault, and exits with 1 if
there is one. Nothing in a document is run: commands are parsed by the program's own parser, snippets are compiled.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import shlex
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import typer

PROGRAM = "glossator"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "examples/*.md", "benchmarks/**/*.md")
SHELL = {"", "sh", "bash", "shell", "console", "text"}
"""Languages of blocks that may hold command lines; in `console` and `text` those that follow a `$ `."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*(\w*)")
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
_VARIABLE = re.compile(r"\bGLOSSATOR_[A-Z_]+\b")
_OPTION = re.compile(r"--[a-z][a-z0-9-]*")
_WORD = re.compile(r"""(?:[^\s'"|&;<>()]|'[^']*'|"[^"]*")+|[|&;<>()]+""")
_OPERATOR = re.compile(r"[|&;<>()]+")
_PLACEHOLDER = re.compile(r"[A-Z]{4,}(_[A-Z]+)*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the number of the line after its fence, and its lines."""

    language: str
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a line of a document."""

    line: int
    what: str


class Project:
    """What documents may speak of: the files under `root`, make's targets, and the commands of the program."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def folders(self) -> set[str]:
        """Top-level folders of the source, without those that git ignores."""
        ignore = self.root / ".gitignore"
        ignored = {line.strip().strip("/") for line in ignore.read_text().splitlines()} if ignore.is_file() else set()
        return {path.name for path in self.root.iterdir() if path.is_dir()} - ignored

    @cached_property
    def scripts(self) -> set[str]:
        """Names of the Python files and shell scripts of the source."""
        places = [self.root, *(self.root / name for name in self.folders)]
        found = [path for place in places for path in (place.glob("*") if place == self.root else place.rglob("*"))]
        return {path.name for path in found if path.suffix in {".py", ".sh"}}

    @cached_property
    def targets(self) -> set[str]:
        """What make can make."""
        makefile = self.root / "Makefile"
        text = makefile.read_text() if makefile.is_file() else ""
        return set(re.findall(r"^([a-z][\w-]*):", text, re.M))

    @cached_property
    def program(self) -> Any:
        """The program's commands, as its parser sees them."""
        from glossator.cli.app import app

        return typer.main.get_command(app)

    @cached_property
    def options(self) -> dict[str, set[str]]:
        """Option names a command; those of the program itself under its own name."""
        own = {name for parameter in self.program.params for name in parameter.opts if name.startswith("--")}
        found = {PROGRAM: own | {"--help"}}
        return found | {name: _names(command) for name, command in self.program.commands.items()}

    @cached_property
    def variables(self) -> set[str]:
        """Environment variables of the commands' options and of the service's settings."""
        from glossator.service.api.settings import PREFIX, Settings

        parameters = [parameter for command in self.program.commands.values() for parameter in command.params]
        settings = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
        return settings | {name for parameter in parameters for name in parameter.envvar or ()}


def check(document: Path, project: Project) -> list[Fault]:
    """Faults of one document, in the order of its lines."""
    prose, blocks, faults = _parts(document.read_text(encoding="utf-8"))
    for number, line in prose:
        faults += [Fault(number, what) for what in (*_links(line, document), *_spans(line, project))]
    for block in blocks:
        faults += _block(block, project)
    held = [numbered for block in blocks for numbered in enumerate(block.lines, block.line)]
    for number, line in held:
        faults += [Fault(number, f"no option is set by {name}") for name in _strangers(line, project)]
    for number, line in [*prose, *held]:
        if _PLACEHOLDER.fullmatch(line.strip()):
            faults.append(Fault(number, f"{line.strip()} was left to be filled in"))
    return sorted(faults, key=lambda fault: fault.line)


def _parts(text: str) -> tuple[list[tuple[int, str]], list[Block], list[Fault]]:
    """The numbered lines outside fenced blocks, the blocks, and a fault where the last one is not closed."""
    prose: list[tuple[int, str]] = []
    blocks: list[Block] = []
    fence, language, start, held = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        match = _FENCE.match(line)
        if not fence:
            if match is None:
                prose.append((number, line))
            else:
                fence, language, start, held = match[1], match[2].lower(), number, []
        elif match is not None and match[1].startswith(fence) and not match[2]:
            blocks.append(Block(language, start + 1, tuple(held)))
            fence = ""
        else:
            held.append(line)
    return prose, blocks, [Fault(start, "this block is not closed")] if fence else []


def _links(line: str, document: Path) -> Iterator[str]:
    """Links of a line that lead nowhere; other sites are not asked."""
    for match in _LINK.finditer(_SPAN.sub("", line)):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = document if not name else document.parent / name
        if not file.exists():
            yield f"the link leads nowhere: {target}"
        elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
            yield f"no heading gives the anchor #{anchor}: {target}"


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.+?)\s*$", file.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _spans(line: str, project: Project) -> Iterator[str]:
    """What is wrong in the code spans of a line."""
    for match in _SPAN.finditer(line):
        span = match[2].strip()
        words = span.split()
        if words[0] == PROGRAM and len(words) > 1:
            yield from _names_only(words[1:], project)
        elif words[0] in project.options and len(words) > 1 and words[0] != PROGRAM:
            yield from _names_only(words, project)
        elif words[0].startswith("--"):
            known = set[str]().union(*project.options.values())
            yield from (f"no command has the option {name}" for name in _OPTION.findall(span) if name not in known)
        elif words[0] == "make":
            yield from _make(words[1:], project)
        elif len(words) == 1 and _PATH.fullmatch(span):
            yield from _path(span, project)
        yield from (f"no option is set by {name}" for name in _strangers(span, project))


def _path(span: str, project: Project) -> Iterator[str]:
    first, slash, _ = span.partition("/")
    if slash and first in project.folders:
        if not any(project.root.glob(span.rstrip("/"))):
            yield f"there is no {span}"
    elif not slash and span.endswith((".py", ".sh")) and "*" not in span and span not in project.scripts:
        yield f"no file is named {span}"


def _strangers(text: str, project: Project) -> list[str]:
    """Variables that are named after a command and set none of its options. Others are the service's, also those that
    begin like a group of commands, whose options take none."""
    commands = project.program.commands
    begins = tuple(f"{PROGRAM}_{name}_".upper() for name in commands if not hasattr(commands[name], "commands"))
    return [name for name in _VARIABLE.findall(text) if name.startswith(begins) and name not in project.variables]


def _block(block: Block, project: Project) -> Iterator[Fault]:
    """What is wrong in a fenced block."""
    text = textwrap.dedent("\n".join(block.lines)) + "\n"
    if block.language in {"python", "py"}:
        yield from _compiled(text, block.line)
    elif block.language in {"json", "toml"}:
        load: Callable[[str], Any] = json.loads if block.language == "json" else tomllib.loads
        try:
            loaded = load(text)
        except ValueError as error:
            yield Fault(block.line, f"this is not {block.language.upper()}: {error}")
            return
        if block.language == "toml" and loaded.keys() & project.program.commands.keys():
            from glossator.cli.support.command import options_from

            yield from (Fault(block.line, str(fault)) for fault in options_from(loaded, project.program.commands)[1])
    elif block.language in SHELL:
        for number, line in _commands(block):
            yield from (Fault(number, what) for what in _command(line, project))


def _compiled(text: str, line: int) -> Iterator[Fault]:
    """What does not compile: the block, or each example where it is a session with `>>>`."""
    examples = [(text, 0)]
    try:
        if ">>> " in text:
            examples = [(item.source, item.lineno) for item in doctest.DocTestParser().get_examples(text)]
        for source, offset in examples:
            try:
                compile(source, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            except SyntaxError as error:
                yield Fault(line + offset + (error.lineno or 1) - 1, f"the snippet does not compile: {error.msg}")
    except ValueError as error:
        yield Fault(line, f"the session cannot be read: {error}")


def _commands(block: Block) -> Iterator[tuple[int, str]]:
    """The numbered command lines of a block, continued lines joined."""
    prompted = block.language in {"console", "text"} or any(line.startswith("$ ") for line in block.lines)
    start, held = 0, ""
    for number, line in enumerate(block.lines, start=block.line):
        if not held:
            if prompted and not line.startswith("$ "):
                continue
            start = number
        held += line.removeprefix("$ ").removesuffix("\\") + " "
        if not line.endswith("\\"):
            yield start, held
            held = ""
    if held:
        yield start, held


def _command(line: str, project: Project) -> Iterator[str]:
    """What is wrong in a command line: in each part of a pipe that calls the program or make."""
    try:
        shlex.split(line, comments=True)
    except ValueError as error:
        if PROGRAM in line:
            yield f"the shell cannot read this: {error}"
        return
    part: list[str] = []
    words = takewhile(lambda word: not word.startswith("#"), _WORD.findall(line))
    for word in [*words, ";"]:
        if not _OPERATOR.match(word):
            part += shlex.split(word)
            continue
        while part and re.fullmatch(r"\w+=.*", part[0]):
            part.pop(0)
        if part[:1] == ["make"]:
            yield from _make(part[1:], project)
        elif part[:1] == [PROGRAM]:
            yield from _parsed(part[1:], project)
        part = []  # after `>` stands a file: a part that calls nothing


def _parsed(words: Sequence[str], project: Project) -> Iterator[str]:
    """What the program's own parser says to a command line."""
    if not words or {"-h", "--help", "..."} & set(words):
        yield from _names_only(words, project)
        return
    name = next((word for word in words if word in project.program.commands), None)
    own = words if name is None else words[: words.index(name)]
    if name is None and not all(word.startswith("-") for word in words):
        yield from _names_only(words, project)
        return
    try:
        if own != ["--version"]:
            project.program.make_context(PROGRAM, list(own))
        if name is not None:
            project.program.commands[name].make_context(name, list(words[words.index(name) + 1 :]))
    except typer.TyperException as error:
        yield f"{PROGRAM} {' '.join(words)}: {error.format_message()}"


def _names_only(words: Sequence[str], project: Project) -> Iterator[str]:
    """Names in a command that is not whole: its command and options must exist. CAPITALS stand for any."""
    command = next((word for word in words if not word.startswith("-")), PROGRAM)
    if command.isupper() or command == "...":
        return
    if command not in project.options:
        yield f"{PROGRAM} has no command {command!r}"
        return
    known = project.options[command] | project.options[PROGRAM]
    yield from (f"{command} has no option {name}" for name in _OPTION.findall(" ".join(words)) if name not in known)


def _make(words: Sequence[str], project: Project) -> Iterator[str]:
    for word in words:
        if re.fullmatch(r"[a-z][\w-]*", word) and word not in project.targets:
            yield f"make has no target {word!r}"


def _names(command: Any) -> set[str]:
    """The options of a command, or of the commands of a group."""
    inner = set[str]().union(*map(_names, getattr(command, "commands", {}).values()))
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {name for name in names if name.startswith("--")} | {"--help"} | inner


def main(arguments: Sequence[str]) -> int:
    """Prints the faults of the documents under a folder; 1 if there are any."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    project = Project(root)
    documents = sorted({path for pattern in DOCUMENTS for path in root.glob(pattern)})
    count = 0
    for document in documents:
        for fault in check(document, project):
            print(f"{document.relative_to(root)}:{fault.line}: {fault.what}")
            count += 1
    print(f"{len(documents)} documents, {count} faults", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
