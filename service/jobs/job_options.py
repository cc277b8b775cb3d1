"""What may be said of a job, and the labelling that it means."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.documents.multi_file import ARCHIVES
from glossator.service.documents.open_source import FORMATS
from glossator.service.documents.open_source import SUFFIXES as READ
from glossator.service.errors import ConfigError
from glossator.service.files import compression
from glossator.service.jobs.records import Job, NewJob
from glossator.service.labelling import file_labelling as labelling
from glossator.service.labelling.chunks import CHUNK_ROWS
from glossator.service.labelling.outputs.output_formats import NAMED_FORMATS, SUFFIXES
from glossator.service.labelling.row_labelling import RowSelection
from glossator.service.tasks.options import Aggregation

Share = Annotated[float | None, Field(ge=0.0, le=1.0)]
MOST_CHUNK_ROWS = 65_536
INPUT, OUTPUT = "input", "output"


class LabelOptions(BaseModel):
    """How a file is labelled: the options of `glossator label`, by their names."""

    model_config = ConfigDict(extra="forbid")

    text_column: Annotated[str | None, Field(description="Column with the text; told from its name otherwise.")] = None
    second_column: Annotated[str | None, Field(description="Column with the second text, for models of two.")] = None
    input_format: Annotated[str | None, Field(description="Told from the file's name otherwise.")] = None
    output_format: Annotated[
        str | None, Field(description="Format of the result: jsonl, csv, tsv, parquet, …; jsonl.gz and the like too.")
    ] = None
    encoding: Annotated[str | None, Field(description="Of the file; sniffed otherwise.")] = None
    delimiter: Annotated[str | None, Field(description="Of a CSV or TSV; sniffed otherwise.")] = None
    header: Annotated[bool | None, Field(description="False where a CSV or TSV has no header line.")] = None
    whole: Annotated[bool, Field(description="A text file or a PDF is one text, not its lines or pages.")] = False
    threshold: Share = None
    min_confidence: Share = None
    coverage: Share = None
    aggregation: Aggregation | None = None
    truncate: bool = False
    labels: Annotated[list[str] | None, Field(description="Zero-shot: labels that the model was not trained on.")] = (
        None
    )
    hypothesis: str | None = None
    multi_label: bool = False
    prefix: Annotated[str, Field(description="Put before the names of the columns that are added.")] = ""
    raw_cells: Annotated[bool, Field(description="Leaves CSV cells that a spreadsheet takes for formulas.")] = False
    limit: Annotated[int | None, Field(ge=1, description="The first rows alone.")] = None
    sample: Annotated[float | None, Field(ge=0.0, le=1.0, description="A random share of the rows.")] = None
    seed: int = 13
    max_error_rate: Annotated[Share, Field(description="Fails where a larger share of rows has an error.")] = None
    chunk_rows: Annotated[int, Field(ge=1, le=MOST_CHUNK_ROWS, description="Rows that are done and kept together.")] = (
        CHUNK_ROWS
    )


def input_name(filename: str, options: LabelOptions) -> str:
    """The name of an upload in the job's folder: ours, with the endings by which its format is told."""
    if options.input_format is not None and compression.split_suffix(options.input_format)[0] not in FORMATS:
        raise ConfigError(
            "this format is not read", found=options.input_format, expected=f"one of {', '.join(FORMATS)}"
        )
    name = PurePath(filename.replace("\\", "/")).name.lower()
    archive = next((ending for ending in ARCHIVES if name.endswith(ending)), None)
    bare, codec = compression.split_suffix(name)
    known = archive or f"{ending if (ending := PurePath(bare).suffix) in READ else ''}{codec or ''}"
    if not known and options.input_format is None:
        raise ConfigError(
            "the format of the file is not known by its name", found=filename or "no name",
            expected=f"one of {', '.join((*READ, *ARCHIVES))}", hint="Say which it is: input_format.",
        )  # fmt: skip
    return f"{INPUT}{known}"


def output_ending(options: LabelOptions, name: str) -> str:
    """The ending of the result: of the format asked for, else of the input's where that can be written, else
    `.jsonl`. Raises ConfigError for a format that is not written."""
    if options.output_format is None:
        ending = PurePath(compression.split_suffix(name)[0]).suffix
        return ending if ending in SUFFIXES else ".jsonl"
    bare, codec = compression.split_suffix(options.output_format.lower())
    endings = {kind.format: ending for ending, kind in reversed(SUFFIXES.items())} | dict.fromkeys(NAMED_FORMATS, ".jsonl")
    if bare not in endings:
        raise ConfigError(
            "this format is not written", found=options.output_format, expected=f"one of {', '.join(endings)}"
        )
    return f"{endings[bare]}{codec or ''}"


def options_of(job: NewJob | Job) -> LabelOptions:
    """How a job's file is labelled."""
    return LabelOptions.model_validate({name: value for name, value in job.options.items() if name != "batch"})


def labelling_of(job: NewJob | Job) -> labelling.FileLabelling:
    """The labelling that a job means; its files are named as seen from the job's folder."""
    options = options_of(job)
    asked: Any = options.model_dump(
        include={"threshold", "min_confidence", "coverage", "aggregation", "truncate"}, exclude_none=True
    )
    if options.labels is None and (options.hypothesis is not None or options.multi_label):
        raise ConfigError("hypothesis and multi_label go with labels", hint="Give the labels too.")
    zero_shot = None
    if options.labels is not None:
        zero_shot = labelling.ZeroShotOptions(tuple(options.labels), options.hypothesis, options.multi_label)
    named = options.output_format if options.output_format in NAMED_FORMATS else None
    return labelling.FileLabelling(
        source=job.input,
        output=f"{OUTPUT}{output_ending(options, job.input)}",
        input_options=labelling.InputOptions(
            options.input_format, options.encoding, options.delimiter, options.header, options.whole
        ),
        text_column=options.text_column,
        second_column=options.second_column,
        task_options=asked,
        zero_shot=zero_shot,
        prefix=options.prefix,
        output_format=named,
        formula_safe=not options.raw_cells,
        selection=RowSelection(options.limit, options.sample, options.seed),
        max_error_rate=options.max_error_rate,
        chunk_rows=options.chunk_rows,
    )
