"""`glossator demo`"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glossator.cli.commands.bundles.export import export
from glossator.cli.commands.bundles.verify import verify
from glossator.cli.commands.inference.label import label
from glossator.cli.commands.training.evaluate import evaluate
from glossator.cli.commands.training.train import train
from glossator.cli.support import console
from glossator.service.errors import ConfigError, GlossatorError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CORPUS, SPANS, NEW_ROWS = "tickets.csv", "ticket_spans.jsonl", "new_tickets.csv"
QUESTION = "My parcel was due last Tuesday and the tracking page has not moved since. Where is it?"
EPOCHS, BATCH_SIZE, MAX_LENGTH = 4, 16, 128
ENTITY_EPOCHS = 6
"""What the small corpus needs: few texts are longer, and those are read in windows."""
ENTITY_SHARE = 0.15
"""The spans are few: so many of them for validation, and as many for the test."""
ROWS_SHOWN, SHORT = 3, 200
_READY_SECONDS = 30.0


def demo(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder for everything the demo makes; one of an earlier demo is replaced."
        ),
    ] = Path("demo"),
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Keep the server running at the end; default: on a terminal."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the server; 0 picks a free one.")] = 0,
) -> int:
    """Walk the whole road on the example corpus: wrangle, train, evaluate, export, verify, label, serve.

    \b
    Example:
      glossator demo
    """
    if not (EXAMPLES / CORPUS).is_file():
        raise ConfigError(
            "the example corpus is not installed with the package",
            found=EXAMPLES,
            hint="Run the demo from a clone of the repository, or begin with `glossator train FILE`.",
        )
    screen = console.stderr()
    _clear(output)
    checkpoint, bundle, labelled = output / "checkpoint", output / "tickets", output / "labelled.jsonl"
    stages = _Stages(screen)
    with stages.stage(
        "wrangle and train", f"glossator train examples/{CORPUS} --label-column category -o {checkpoint}"
    ):
        train(
            str(EXAMPLES / CORPUS),
            checkpoint,
            text_column="text",
            label_column="category",
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            max_length=MAX_LENGTH,
            runs=output / "runs",
        )
    with stages.stage("evaluate the checkpoint", f"glossator evaluate {checkpoint}"):
        evaluate(checkpoint, output=output / "report", runs=output / "runs")
    with stages.stage("export", f"glossator export {checkpoint} -o {bundle}"):
        export(checkpoint, bundle, runs=output / "runs")
    with stages.stage("verify", f"glossator verify {bundle}"):
        if verify(bundle) != console.OK:
            raise GlossatorError("the demo's bundle does not verify", found=bundle, hint="Report this.")
    with stages.stage("label a file", f"glossator label examples/{NEW_ROWS} -m {bundle} -o {labelled}"):
        label(str(EXAMPLES / NEW_ROWS), bundle, str(labelled))
    entities = _entities(output, stages, screen)
    with _server(bundle, port) as url:
        with stages.stage("serve, and ask over HTTP", f"glossator serve {bundle}"):
            answer = _ask(f"{url}/v1/models/{bundle.name}/predict")
            screen.print(f"  {QUESTION}\n  -> {answer['labels'][0]} ({answer['scores'][0]['score']:.2f})", markup=False)
        _summary([bundle, entities], labelled, stages, url)
        if sys.stdout.isatty() if serve is None else serve:
            screen.print(f"serving at {url} until Ctrl-C", markup=False)
            _wait()
    return console.OK


def _entities(output: Path, stages: _Stages, screen: Console) -> Path:
    """Teaches a second model to mark order numbers, products, dates and amounts, and shows them; its bundle."""
    checkpoint, bundle, found = output / "entities_checkpoint", output / "entities", output / "entities.jsonl"
    with stages.stage("learn entities", f"glossator train examples/{SPANS} -o {checkpoint}"):
        train(
            str(EXAMPLES / SPANS),
            checkpoint,
            epochs=ENTITY_EPOCHS,
            batch_size=BATCH_SIZE,
            max_length=MAX_LENGTH,
            runs=output / "runs",
            validation_share=ENTITY_SHARE,
            test_share=ENTITY_SHARE,
        )
    with stages.stage("export entities", f"glossator export {checkpoint} -o {bundle}"):
        export(checkpoint, bundle, runs=output / "runs")
    with stages.stage("find entities in a file", f"glossator label examples/{NEW_ROWS} -m {bundle} -o {found}"):
        label(str(EXAMPLES / NEW_ROWS), bundle, str(found))
        rows = [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]
        short = [row for row in rows if row["entities"] and len(row["text"]) <= SHORT]
        for row in sorted(short, key=lambda row: -len(row["entities"]))[:ROWS_SHOWN]:
            screen.print(_marked(row["text"], row["entities"]))
    return bundle


def _marked(text: str, entities: list[dict[str, Any]]) -> Text:
    """The text with its entities underlined and named, for the terminal."""
    from rich.text import Text

    marked, end = Text("  "), 0
    for entity in entities:
        marked.append(text[end : entity["start"]].replace("\n", " "))
        marked.append(entity["text"], style="bold underline")
        marked.append(f" ({entity['label']})", style="cyan")
        end = entity["end"]
    return marked.append(text[end:].replace("\n", " "))


def _clear(output: Path) -> None:
    """Removes what an earlier demo made, and refuses any other folder."""
    marker = output / ".glossator-demo"
    if output.exists() and any(output.iterdir()) and not marker.is_file():
        raise ConfigError("the folder holds something else", found=output, hint="Choose another --output.")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    marker.touch()


class _Stages:
    """Announces each stage with the command that does the same, and keeps how long it took."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, command: str) -> Iterator[None]:
        self._screen.print(f"\n[bold]{len(self.seconds) + 1}. {name}[/bold]   $ {command}")
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


@contextmanager
def _server(bundle: Path, port: int) -> Iterator[str]:
    """A server process for `bundle`, ended with the block; its URL."""
    command = [sys.executable, "-m", "glossator", "serve", str(bundle), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield _url(process)
    finally:
        process.terminate()
        process.wait(timeout=_READY_SECONDS)


def _url(process: subprocess.Popen[str]) -> str:
    """The URL that the server announces on stderr once it answers."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if "listening on " in line:
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


def _summary(bundles: list[Path], labelled: Path, stages: _Stages, url: str) -> None:
    """What came out, from the manifests and the labelled file."""
    from rich.table import Table

    from glossator.service.documents.open_source import open_source
    from glossator.service.inference.model import load

    table = Table("what", "figure", title="Glossator demo: the graphs that are served", title_justify="left")
    for bundle in bundles:
        manifest = load(bundle).bundle.manifest
        for record in manifest.evaluation:
            for name, estimate in list(record.metrics.items())[:2]:
                interval = f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
                table.add_row(f"{bundle.name}: {record.split} {name}, {record.rows} rows", interval)
        if manifest.speed is not None:
            table.add_row(f"{bundle.name}: speed at export", f"{manifest.speed.texts_per_second:,.0f} texts/s")
        size = sum(entry.size for name, entry in manifest.files.items() if name == manifest.served.graph)
        table.add_row(f"{bundle.name}: served graph", f"{manifest.served.precision}, {size / 1e6:.0f} MB")
    rows = [json.loads(line) for line in labelled.read_text(encoding="utf-8").splitlines()]
    failed = sum(row["_status"] == "error" for row in rows)
    with open_source(EXAMPLES / NEW_ROWS) as source:
        rows_in = sum(1 for _ in source.records())
    table.add_row("file labelled", f"{rows_in} rows in, {len(rows)} out, {failed} with an error")
    for name, seconds in stages.seconds.items():
        table.add_row(f"time: {name}", f"{seconds:.1f} s")
    table.add_row("time: all", f"{sum(stages.seconds.values()):.1f} s")
    table.add_row("server", url)
    console.stdout().print(table)


def _wait() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
