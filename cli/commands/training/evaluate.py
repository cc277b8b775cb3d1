"""`glossator evaluate`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import corpus_options as corpora
from glossator.cli.support import run_recording
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Quiet, need, print_json, stderr
from glossator.service.bundle import file_names
from glossator.service.errors import ConfigError, UnknownColumn

if TYPE_CHECKING:
    from rich.console import Console

    from glossator.evaluation.analysis.error_analysis import ErrorAnalysis
    from glossator.evaluation.metrics.evaluate import AnyEvaluation
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.service.inference.pipeline import Pipeline
    from glossator.workflows.run_records import Data, RunStore


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
    slice_by: Annotated[
        list[str] | None, typer.Option(help="Look for parts of the rows where it is worse by this column too.")
    ] = None,
    cluster_by: Annotated[
        str | None, typer.Option(help="Column of what rows belong to, documents say: intervals go by these.")
    ] = None,
    robust: Annotated[
        bool, typer.Option("--robustness", help="Measure on changed texts too: typing mistakes, case, punctuation.")
    ] = False,
    runs: run_recording.Runs = run_recording.RUNS,
    accept_changed_test: run_recording.AcceptChangedTest = False,
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
    from glossator.evaluation.analysis.error_analysis import analyse_errors
    from glossator.evaluation.metrics.evaluate import evaluate_with_answers
    from glossator.evaluation.reports.error_analysis_report import error_analysis_report
    from glossator.evaluation.reports.evaluation_report import evaluation_report
    from glossator.service.bundle.task import TokenClassification
    from glossator.workflows.run_records import RunStore

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
        keep=tuple(dict.fromkeys([*(slice_by or ()), *([cluster_by] if cluster_by is not None else ())])),
    )
    store = RunStore(runs)
    if data is not None:
        store.check_frozen(data, accept=accept_changed_test)
    with run_recording.recorded("evaluate", runs, console) as record:
        rows, rejected = labelled_rows(model, pipeline, data, options, console)
        console.print(f"· measuring {len(rows):,} rows")
        check_columns(rows, options.keep)
        evaluation, answers = evaluate_with_answers(pipeline, rows, cluster_by=cluster_by)
        test = store.data(data or str(model / file_names.TEST), rows=len(rows))
        details = analyse_errors(
            pipeline,
            rows,
            evaluation,
            answers,
            slice_by=slice_by or (),
            languages=_languages(rows),
            change=robust,
            before=_before(store, record.run.id, test, evaluation),
        )
        record.run.data = {"test": test}
        record.run.config = {"model": str(model), "training_run": pipeline.task.provenance.run}
        record.run.metrics = {name: estimate.value for name, estimate in evaluation.metrics.items()}
        record.run.outputs = {} if output is None else {"report": str(output)}
    if output is not None:
        pages = {}
        if isinstance(pipeline.task, TokenClassification):
            from glossator.evaluation.reports.entity_page import entity_page

            pages["entities.html"] = entity_page(rows, answers.predictions or [], name=evaluation.name)
        _write(output, evaluation, details, rows, pages)
    if as_json:
        print_json(evaluation.to_dict() | details.to_dict() | {"rejected_rows": rejected, "run": record.run.id})
    else:
        typer.echo(f"{evaluation_report(evaluation)}\n{error_analysis_report(details)}", nl=False)
    return REJECTED_ROWS if rejected else OK


def labelled_rows(
    model: Path, pipeline: Pipeline, data: str | None, options: corpora.ReadingOptions, console: Console
) -> tuple[LabelledRows, int]:
    """The rows of a file, or without one the test rows that the checkpoint carries; and how many could not be used."""
    if data is None:
        from glossator.modeling.labelled_rows import read_rows

        if not (model / file_names.TEST).is_file():
            raise ConfigError("there is nothing to measure on", found=model, hint="Give a labelled file.")
        return read_rows(model / file_names.TEST), 0
    corpus = corpora.read_and_show(data, options, console, None, held=corpora.held_by(pipeline.task)).corpus
    return corpus.rows(), len(corpus.rejects)


def open_pipeline(model: Path) -> Pipeline:
    """A bundle's served graph, or a checkpoint through PyTorch."""
    if (model / file_names.TASK).is_file() and not (model / file_names.MANIFEST).is_file():
        need("training")
        from glossator.modeling.checkpoint_reader import load_checkpoint

        return load_checkpoint(model)
    from glossator.service.inference.model import load

    return load(model).pipeline


def check_columns(rows: LabelledRows, names: Sequence[str]) -> None:
    """Raises UnknownColumn for a column that the rows of a checkpoint did not keep."""
    absent = [name for name in names if name not in rows.extra]
    if absent:
        raise UnknownColumn(
            "these rows have no such column",
            found=", ".join(absent),
            expected=f"of {', '.join(rows.extra) or '(none was kept)'}",
            hint="Give the labelled file, which has all its columns.",
        )


def _languages(rows: LabelledRows) -> list[str] | None:
    """The language of each row, where the package that tells it is there."""
    from importlib.util import find_spec

    if find_spec("py3langid") is None:
        return None
    from glossator.evaluation.languages import detect_languages

    return [language or "(not told)" for language in detect_languages(rows.texts)]


def _before(store: RunStore, own: str, test: Data, evaluation: AnyEvaluation) -> str:
    """What is said of the last run that measured on the same rows."""
    from glossator.evaluation.analysis.error_analysis import change_since_run

    for run in reversed(store.runs()):
        same = run.data.get("test")
        if run.id != own and run.command == "evaluate" and same is not None and same.sha256 == test.sha256:
            return change_since_run(run.metrics, evaluation, run.id)
    return ""


def _write(
    folder: Path, evaluation: AnyEvaluation, details: ErrorAnalysis, rows: LabelledRows, pages: dict[str, str]
) -> None:
    """Report, JSON, pictures and pages."""
    from glossator.cli.support.files import write_files
    from glossator.evaluation.reports.error_analysis_report import error_analysis_report
    from glossator.evaluation.reports.evaluation_files import draw_plots, evaluation_json
    from glossator.evaluation.reports.evaluation_plots import lengths_svg
    from glossator.evaluation.reports.evaluation_report import evaluation_report
    from glossator.evaluation.reports.html_page import html_page

    drawn = draw_plots(evaluation) | {"lengths": lengths_svg(rows.texts)}
    words = f"{evaluation_report(evaluation)}\n{error_analysis_report(details)}"
    files = {
        "evaluation.json": evaluation_json(evaluation, details),
        "report.md": words,
        "report.html": html_page(words, title=f"Evaluation on {evaluation.name}", pictures=drawn),
    }
    write_files(folder, files | pages | {f"{name}.svg": picture for name, picture in drawn.items()})
