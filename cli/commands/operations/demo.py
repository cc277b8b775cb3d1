"""`glossator demo`"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from glossator.cli.commands.bundles.export import export
from glossator.cli.commands.bundles.verify import verify
from glossator.cli.commands.inference.label import label
from glossator.cli.commands.operations.demo_loop import run_demo_loop
from glossator.cli.commands.training.evaluate import evaluate
from glossator.cli.commands.training.train import train
from glossator.cli.support import console
from glossator.service.errors import ConfigError, GlossatorError
from glossator.workflows.extras import require_extra

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

CORPUS, SPANS, NEW_ROWS = "tickets.csv", "ticket_spans.jsonl", "new_tickets.csv"
QUESTION = "My parcel was due last Tuesday and the tracking page has not moved since. Where is it?"
EPOCHS, BATCH_SIZE, MAX_LENGTH = 4, 16, 128
ENTITY_EPOCHS = 6
"""Suitable for the small corpus; the few longer texts are split into windows."""
ENTITY_SHARE = 0.15
"""Share of the rows for validation, and the same share for the test; the corpus is small."""
ROWS_SHOWN, SHORT = 3, 200
_READY_SECONDS = 30.0


def demo(
    what: Annotated[
        Literal["pipeline", "loop"],
        typer.Argument(help="pipeline: from a corpus to a server; loop: a week after deployment."),
    ] = "pipeline",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Output folder; an earlier demo is replaced. Default: demo or demo-loop."),
    ] = None,
    entities: Annotated[
        bool,
        typer.Option("--entities/--no-entities", help="Also train a second model that finds entities."),
    ] = True,
    base: Annotated[
        str, typer.Option(help="Encoder to start from: starter, a local folder, or a hub name.")
    ] = "starter",
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Keep the server running at the end; default: on a terminal."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the server; 0 picks a free one.")] = 0,
) -> int:
    """Run the full pipeline on the example corpus: train, evaluate, export, verify, label a file, serve.

    The first model sorts support tickets into ten categories and answers over HTTP. While it serves, a second one
    is trained to find order numbers, products, dates and amounts.

    `glossator demo loop` plays a week of traffic in which a new kind of ticket appears: answers are logged and
    reviewed, the accuracy falls, an alarm is raised, and a retrained version is promoted. It ends with a figure.

    \b
    Examples:
      glossator demo
      glossator demo --no-entities
      glossator demo loop
    """
    require_extra("training")
    require_extra("export")
    if what == "loop":
        output = output or Path("demo-loop")
        _clear(output)
        return run_demo_loop(_example(CORPUS), output)
    output = output or Path("demo")
    corpus, spans, new_rows = (_example(name) for name in (CORPUS, SPANS, NEW_ROWS))
    screen = console.stderr()
    _clear(output)
    stages = _Stages(screen)
    bundle = _classifier(output, base, corpus, new_rows, stages)
    with _server(bundle, port) as url:
        with stages.stage("serve and predict over HTTP", "glossator", "serve", bundle):
            answer = _ask(f"{url}/v1/models/{bundle.name}/predict")
            screen.print(f"  {QUESTION}\n  -> {answer['labels'][0]} ({answer['scores'][0]['score']:.2f})", markup=False)
        stages.done("start to first answer")
        labelled = _counts(output / "labelled.jsonl", new_rows)
        _summary("the category of a ticket", bundle, stages, ("file labelled", labelled), ("server", url))
        if entities:
            screen.print(f"\nThe server answers at {url} while the second model is trained.", markup=False)
            second = _entities(output, base, spans, new_rows, stages, screen)
            stages.done("whole demo")
            _summary("entities in a ticket", second, stages)
        if sys.stdout.isatty() if serve is None else serve:
            screen.print(f"serving at {url} until Ctrl-C", markup=False)
            _wait()
    return console.OK


def _example(name: str) -> Path:
    """Return a file of the example corpus, which is installed with the package. Raises ConfigError if it is missing."""
    path = Path(str(files("glossator.examples") / name))
    if not path.is_file():
        raise ConfigError(
            "the example corpus is not installed with the package",
            found=path,
            hint="Install Glossator from a wheel or a clone, or start with `glossator train FILE`.",
        )
    return path


def _classifier(output: Path, base: str, corpus: Path, new_rows: Path, stages: _Stages) -> Path:
    """Train, evaluate, export and verify a model for ticket categories and label a file. Return its bundle."""
    checkpoint, bundle, labelled = output / "checkpoint", output / "tickets", output / "labelled.jsonl"
    options = _options(base, EPOCHS)
    columns = ("--text-column", "text", "--label-column", "category")
    with stages.stage("clean and train", "glossator", "train", corpus, *columns, *_flags(options), "-o", checkpoint):
        train(str(corpus), checkpoint, text_column="text", label_column="category", runs=output / "runs", **options)
    with stages.stage("evaluate the checkpoint", "glossator", "evaluate", checkpoint):
        evaluate(checkpoint, output=output / "report", runs=output / "runs")
    with stages.stage("export", "glossator", "export", checkpoint, "-o", bundle):
        export(checkpoint, bundle, runs=output / "runs")
    with stages.stage("verify", "glossator", "verify", bundle):
        if verify(bundle) != console.OK:
            raise GlossatorError("the demo's bundle does not verify", found=bundle, hint="Report this.")
    with stages.stage("label a file", "glossator", "label", new_rows, "-m", bundle, "-o", labelled):
        label(str(new_rows), bundle, str(labelled))
    return bundle


def _entities(output: Path, base: str, spans: Path, new_rows: Path, stages: _Stages, screen: Console) -> Path:
    """Train a model that finds order numbers, products, dates and amounts, and show examples. Return its bundle."""
    checkpoint, bundle, found = output / "entities_checkpoint", output / "entities", output / "entities.jsonl"
    options = _options(base, ENTITY_EPOCHS) | {"validation_share": ENTITY_SHARE, "test_share": ENTITY_SHARE}
    with stages.stage("train entities", "glossator", "train", spans, *_flags(options), "-o", checkpoint):
        train(str(spans), checkpoint, runs=output / "runs", **options)
    with stages.stage("export entities", "glossator", "export", checkpoint, "-o", bundle):
        export(checkpoint, bundle, runs=output / "runs")
    with stages.stage("find entities in a file", "glossator", "label", new_rows, "-m", bundle, "-o", found):
        label(str(new_rows), bundle, str(found))
        rows = _read_rows(found)
        short = [row for row in rows if row["entities"] and len(row["text"]) <= SHORT]
        for row in sorted(short, key=lambda row: -len(row["entities"]))[:ROWS_SHOWN]:
            screen.print(_marked(row["text"], row["entities"]))
    return bundle


def _options(base: str, epochs: int) -> dict[str, Any]:
    """Return the options of training, by their Python names."""
    return {"base": base, "epochs": epochs, "batch_size": BATCH_SIZE, "max_length": MAX_LENGTH}


def _flags(options: dict[str, Any]) -> list[str]:
    """Return the same options as command line flags.

    >>> _flags({"batch_size": 16})
    ['--batch-size', '16']
    """
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def _marked(text: str, entities: list[dict[str, Any]]) -> Text:
    """Return the text with its entities underlined and labelled, for the terminal."""
    from rich.text import Text

    marked, end = Text("  "), 0
    for entity in entities:
        marked.append(text[end : entity["start"]].replace("\n", " "))
        marked.append(entity["text"], style="bold underline")
        marked.append(f" ({entity['label']})", style="cyan")
        end = entity["end"]
    return marked.append(text[end:].replace("\n", " "))


def _clear(output: Path) -> None:
    """Remove the output of an earlier demo. Raises ConfigError for any other folder that is not empty."""
    marker = output / ".glossator-demo"
    if output.exists() and any(output.iterdir()) and not marker.is_file():
        raise ConfigError("the output folder contains other files", found=output, hint="Choose another --output.")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    marker.touch()


class _Stages:
    """Prints each stage with the equivalent command, and records its duration."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._started = time.monotonic()
        self._number = 0
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, *command: str | Path) -> Iterator[None]:
        self._number += 1
        self._screen.print(f"\n[bold]{self._number}. {name}[/bold]")
        self._screen.print(f"$ {shlex.join(_shown(word) for word in command)}", markup=False)
        started = time.monotonic()
        yield
        self._seconds[name] = time.monotonic() - started

    def done(self, what: str) -> None:
        """Record the seconds since the demo started."""
        self._seconds[what] = time.monotonic() - self._started

    def taken(self) -> list[tuple[str, str]]:
        """Return table rows with the seconds of everything since the last call."""
        rows = [(f"time: {name}", f"{seconds:.1f} s") for name, seconds in self._seconds.items()]
        self._seconds.clear()
        return rows


def _shown(word: str | Path) -> str:
    """Return a word of a command; paths inside the current folder become relative."""
    if isinstance(word, Path) and word.is_absolute() and word.is_relative_to(Path.cwd()):
        word = word.relative_to(Path.cwd())
    return os.fspath(word)


@contextmanager
def _server(bundle: Path, port: int) -> Iterator[str]:
    """Run a server for `bundle` during the block and yield its URL."""
    command = [sys.executable, "-P", "-m", "glossator", "serve", str(bundle), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield _url(process)
    finally:
        process.terminate()
        process.wait(timeout=_READY_SECONDS)


def _url(process: subprocess.Popen[str]) -> str:
    """Wait for the URL that the server prints to stderr when it is ready."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if "listening on " in line:
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop the server
            return line.split("listening on ", 1)[1].strip()
        said.append(line)
    raise GlossatorError("the server did not start", found="".join(said), hint="Choose another --port.")


def _ask(url: str) -> dict[str, list[dict[str, float]]]:
    from urllib.request import Request, urlopen

    body = json.dumps({"text": QUESTION}).encode()
    request = Request(url, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=_READY_SECONDS) as response:
        result: dict[str, list[dict[str, float]]] = json.load(response)["results"][0]
    return result


def _read_rows(labelled: Path) -> list[dict[str, Any]]:
    """Return the rows of a labelled file."""
    from glossator.service.files.append_lines import split_lines

    return [json.loads(line) for line in split_lines(labelled.read_bytes()).complete]


def _counts(labelled: Path, new_rows: Path) -> str:
    """Return how many rows were read, written and failed."""
    from glossator.service.documents.sources.open_source import open_source

    rows = _read_rows(labelled)
    failed = sum(row["_status"] == "error" for row in rows)
    with open_source(new_rows) as source:
        rows_in = sum(1 for _ in source.records())
    return f"{rows_in} rows in, {len(rows)} out, {failed} with an error"


def _summary(title: str, bundle: Path, stages: _Stages, *rows: tuple[str, str]) -> None:
    """Print a table: figures of the served model from its manifest, `rows`, and the seconds of the stages."""
    from rich.table import Table

    from glossator.service.inference.model import load

    table = Table("figure", "value", title=f"Glossator demo: {title}", title_justify="left")
    manifest = load(bundle).bundle.manifest
    for record in manifest.evaluation:
        for name, estimate in list(record.metrics.items())[:2]:
            interval = f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
            table.add_row(f"{record.split} {name}, {record.rows} rows", interval)
    if manifest.speed is not None:
        table.add_row("speed at export", f"{manifest.speed.texts_per_second:,.0f} texts/s")
    size = sum(entry.size for name, entry in manifest.files.items() if name == manifest.served.graph)
    table.add_row("served model", f"{manifest.served.precision}, {size / 1e6:.0f} MB")
    for row in (*rows, *stages.taken()):
        table.add_row(*row)
    console.stdout().print(table)


def _wait() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
