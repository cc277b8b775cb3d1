"""`glossator compare`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glossator.cli.commands.training.evaluate import labelled_rows, open_pipeline
from glossator.cli.support import corpus_options as corpora
from glossator.cli.support import run_recording
from glossator.cli.support.console import FAILED, OK, REJECTED_ROWS, Json, Quiet, need, print_json, stderr
from glossator.service.errors import ConfigError


def compare(
    models: Annotated[
        list[Path], typer.Argument(help="Bundles or checkpoints: the baseline first, then what is held against it.")
    ],
    data: Annotated[
        str | None, typer.Option(help="Labelled file; default: the test rows that the first one carries.")
    ] = None,
    text_column: corpora.TextColumn = None,
    label_column: corpora.LabelColumn = None,
    label_separator: corpora.LabelSeparator = None,
    second_column: corpora.SecondColumn = None,
    input_format: corpora.InputFormat = None,
    encoding: corpora.Encoding = None,
    delimiter: corpora.Delimiter = None,
    dataset_split: corpora.DatasetSplit = None,
    non_inferior: Annotated[
        float | None,
        typer.Option(min=0.0, help="Fail unless each model is shown to be at most so many points worse, 0.5 say."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the report and the JSON.")] = None,
    runs: run_recording.Runs = run_recording.RUNS,
    accept_changed_test: run_recording.AcceptChangedTest = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Say which of two or more models is better on the same rows, and whether chance explains it.

    The first model is the baseline. Each other one is better, worse, or neither is shown; with --non-inferior the
    command exits with 1 where a model may be worse by more than that many points of the metric.

    \b
    Examples:
      glossator compare models/old models/new --data test.csv --label-column category
      glossator compare models/fp32 models/int8 --data test.csv --non-inferior 0.5
    """
    need("evaluation")
    from glossator.evaluation.analysis.comparison import compare_models
    from glossator.evaluation.metrics.model_answers import answer_rows
    from glossator.evaluation.reports.comparison_report import comparison_report
    from glossator.service.bundle import file_names
    from glossator.workflows.run_records import RunStore

    if len(models) < 2:
        raise ConfigError("there is nothing to compare", found=f"{len(models)} model", expected="two or more")
    console = stderr(quiet=quiet)
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
    pipelines = [open_pipeline(model) for model in models]
    store = RunStore(runs)
    if data is not None:
        store.check_frozen(data, accept=accept_changed_test)
    with run_recording.recorded("compare", runs, console) as record:
        rows, rejected = labelled_rows(models[0], pipelines[0], data, options, console)
        answers = []
        for model, pipeline in zip(models, pipelines, strict=True):
            console.print(f"· measuring {model} on {len(rows):,} rows", markup=False)
            answers.append(answer_rows(pipeline, rows, name=str(model)))
        margin = None if non_inferior is None else non_inferior / 100.0
        found = compare_models(rows, answers, margin=margin)
        record.run.data = {"test": store.data(data or str(models[0] / file_names.TEST), rows=len(rows))}
        record.run.config = {"models": list(map(str, models)), "margin": margin}
        record.run.metrics = {f"difference of {each.name}": each.difference.value for each in found}
        record.run.outputs = {} if output is None else {"report": str(output)}
    words = comparison_report(rows, answers, found)
    if output is not None:
        import json

        from glossator.cli.support.files import write_files
        from glossator.evaluation.reports.html_page import html_page

        fields = json.dumps({"comparisons": [each.to_dict() for each in found]}, indent=2, allow_nan=False) + "\n"
        files = {"comparison.json": fields, "report.md": words, "report.html": html_page(words, title="Comparison")}
        write_files(output, files)
    if as_json:
        print_json({"comparisons": [each.to_dict() for each in found], "rejected_rows": rejected})
    else:
        typer.echo(words, nl=False)
    if any(each.non_inferior is False for each in found):
        return FAILED
    return REJECTED_ROWS if rejected else OK
