"""`glossator evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import corpus as corpora
from cli import recording
from cli.console import OK, REJECTED_ROWS, Json, Quiet, need, print_json, stderr
from service.bundle import layout
from service.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from evaluation.measure import Measurement
    from evaluation.rows import LabelledRows
    from service.inference.pipeline import Pipeline


def evaluate(
    model: Annotated[Path, typer.Argument(help="A bundle (the served graph is measured) or a checkpoint (PyTorch).")],
    data: Annotated[
        str | None, typer.Argument(help="Labelled file; default: the test rows that a checkpoint carries.")
    ] = None,
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    second_column: corpora.SecondColumn = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    dataset_split: corpora.DatasetSplit = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report, the JSON and the pictures.")
    ] = None,
    runs: recording.Runs = recording.RUNS,
    accept_changed_test: recording.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Measure a model on labelled rows, through the very decoder that serves.

    Headline metrics come with 95 % bootstrap intervals. Exits with 3 if some rows could not be used.

    \b
    Examples:
      glossator evaluate checkpoints/tickets
      glossator evaluate models/tickets test.csv --label-column category -o report
    """
    need("evaluation")
    from evaluation.measure import measure
    from evaluation.report import report
    from evaluation.runs import RunStore
    from service.bundle.task import TokenClassification

    console = stderr(quiet=quiet)
    pipeline = open_pipeline(model)
    options = corpora.ReadingOptions(
        text_column,
        label_column,
        label_separator,
        input_format,
        encoding,
        delimiter,
        dataset_split,
        drop_duplicates=False,
        second_column=second_column,
    )
    store = RunStore(runs)
    if data is not None:
        store.check_frozen(data, accept=accept_changed_test)
    with recording.recorded("evaluate", runs, console) as record:
        rows, rejected = labelled_rows(model, pipeline, data, options, console)
        console.print(f"· measuring {len(rows):,} rows")
        evaluation = measure(pipeline, rows)
        record.run.data = {"test": store.data(data or str(model / layout.TEST), rows=len(rows))}
        record.run.config = {"model": str(model), "training_run": pipeline.task.provenance.run}
        record.run.metrics = {name: estimate.value for name, estimate in evaluation.metrics.items()}
        record.run.outputs = {} if output is None else {"report": str(output)}
    if output is not None:
        pages = {}
        if isinstance(pipeline.task, TokenClassification):
            from evaluation.entity_page import entity_page
            from evaluation.measured import predicted

            pages["entities.html"] = entity_page(rows, predicted(pipeline, rows), name=evaluation.name)
        _write(output, evaluation, pages)
    if as_json:
        print_json(evaluation.to_dict() | {"rejected_rows": rejected})
    else:
        typer.echo(report(evaluation), nl=False)
    return REJECTED_ROWS if rejected else OK


def labelled_rows(
    model: Path, pipeline: Pipeline, data: str | None, options: corpora.ReadingOptions, console: Console
) -> tuple[LabelledRows, int]:
    """The rows of a file, or without one the test rows that the checkpoint carries; and how many could not be used."""
    if data is None:
        from evaluation.rows import read_rows

        if not (model / layout.TEST).is_file():
            raise ConfigError("there is nothing to measure on", found=model, way_out="Give a labelled file.")
        return read_rows(model / layout.TEST), 0
    corpus = corpora.read_and_show(data, options, console, None, held=corpora.held_by(pipeline.task)).corpus
    return corpus.rows(), len(corpus.rejects)


def open_pipeline(model: Path) -> Pipeline:
    """A bundle's served graph, or a checkpoint through PyTorch."""
    if (model / layout.TASK).is_file() and not (model / layout.MANIFEST).is_file():
        need("training")
        from evaluation.checkpoint import load_checkpoint

        return load_checkpoint(model)
    from service.inference.model import load

    return load(model).pipeline


def _write(folder: Path, evaluation: Measurement, pages: dict[str, str]) -> None:
    """Report, JSON, pictures and pages."""
    from cli.files import write_files
    from evaluation.files import pictures, to_json
    from evaluation.page import page
    from evaluation.report import report

    drawn, words = pictures(evaluation), report(evaluation)
    files = {
        "evaluation.json": to_json(evaluation),
        "report.md": words,
        "report.html": page(words, title=f"Evaluation on {evaluation.name}", pictures=drawn),
    }
    write_files(folder, files | pages | {f"{name}.svg": picture for name, picture in drawn.items()})
