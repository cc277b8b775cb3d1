"""The options of a job, and the file labelling that they define."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from glossator.service.documents.formats.format_names import FORMATS
from glossator.service.documents.formats.format_names import SUFFIXES as READ
from glossator.service.documents.many_files.file_lists import ARCHIVES
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
    """How a file is labelled: the options of `glossator label`."""

    model_config = ConfigDict(extra="forbid")

    text_column: Annotated[str | None, Field(description="Column with the text. Default: detected by name.")] = None
    second_column: Annotated[
        str | None, Field(description="Column with the second text, for models that read two.")
    ] = None
    input_format: Annotated[str | None, Field(description="Format of the file. Default: detected by its name.")] = None
    output_format: Annotated[
        str | None,
        Field(description="Format of the result: jsonl, csv, tsv, parquet, …, optionally compressed (jsonl.gz)."),
    ] = None
    encoding: Annotated[str | None, Field(description="Encoding of the file. Default: detected.")] = None
    delimiter: Annotated[str | None, Field(description="Delimiter of a CSV or TSV file. Default: detected.")] = None
    header: Annotated[bool | None, Field(description="False if a CSV or TSV file has no header.")] = None
    quotes: Annotated[
        Literal["csv", "literal"] | None,
        Field(description="Quotes in CSV: csv: they enclose cells; literal: they are text. Default: detected."),
    ] = None
    sheet: Annotated[str | None, Field(description="Sheet of a workbook, by name or number.")] = None
    whole: Annotated[bool, Field(description="Treat a text file or PDF as one text, not as lines or pages.")] = False
    threshold: Share = None
    min_confidence: Share = None
    coverage: Share = None
    empty_sets: bool = False
    aggregation: Aggregation | None = None
    truncate: bool = False
    labels: Annotated[list[str] | None, Field(description="Zero-shot: labels that the model was not trained on.")] = (
        None
    )
    hypothesis: str | None = None
    multi_label: bool = False
    prefix: Annotated[str, Field(description="Prefix for the names of added columns.")] = ""
    raw_cells: Annotated[
        bool, Field(description="Do not escape CSV cells that a spreadsheet would run as formulas.")
    ] = False
    limit: Annotated[int | None, Field(ge=1, description="Label only the first N rows.")] = None
    sample: Annotated[float | None, Field(ge=0.0, le=1.0, description="Label a random share of the rows.")] = None
    seed: int = 13
    max_error_rate: Annotated[Share, Field(description="Fail if a larger share of rows has an error.")] = None
    chunk_rows: Annotated[int, Field(ge=1, le=MOST_CHUNK_ROWS, description="Rows per chunk.")] = CHUNK_ROWS


def input_name(filename: str, options: LabelOptions) -> str:
    """Return the name of an upload in the job's folder: a fixed name with the suffixes that identify its format."""
    if options.input_format is not None and compression.split_suffix(options.input_format)[0] not in FORMATS:
        raise ConfigError(
            "this input format is not supported", found=options.input_format, expected=f"one of {', '.join(FORMATS)}"
        )
    name = PurePath(filename.replace("\\", "/")).name.lower()
    archive = next((ending for ending in ARCHIVES if name.endswith(ending)), None)
    bare, codec = compression.split_suffix(name)
    known = archive or f"{ending if (ending := PurePath(bare).suffix) in READ else ''}{codec or ''}"
    if not known and options.input_format is None:
        raise ConfigError(
            "the format cannot be detected from the file name",
            found=filename or "no name",
            expected=f"one of {', '.join((*READ, *ARCHIVES))}",
            hint="Set input_format.",
        )
    return f"{INPUT}{known}"


def output_ending(options: LabelOptions, name: str) -> str:
    """Return the suffix of the result: of the requested format, else of the input if it can be written, else `.jsonl`.

    Raises ConfigError for a format that cannot be written.
    """
    if options.output_format is None:
        ending = PurePath(compression.split_suffix(name)[0]).suffix
        return ending if ending in SUFFIXES else ".jsonl"
    bare, codec = compression.split_suffix(options.output_format.lower())
    endings = {kind.format: ending for ending, kind in reversed(SUFFIXES.items())} | dict.fromkeys(
        NAMED_FORMATS, ".jsonl"
    )
    if bare not in endings:
        raise ConfigError(
            "this output format is not supported", found=options.output_format, expected=f"one of {', '.join(endings)}"
        )
    return f"{endings[bare]}{codec or ''}"


def options_of(job: NewJob | Job) -> LabelOptions:
    """Return the options of a job."""
    return LabelOptions.model_validate({name: value for name, value in job.options.items() if name != "batch"})


def make_labelling(job: NewJob | Job) -> labelling.FileLabelling:
    """Return the labelling of a job's file, with paths relative to the job's folder."""
    return labelling_of(options_of(job), job.input)


def labelling_of(options: LabelOptions, source: str) -> labelling.FileLabelling:
    """Return the labelling of an uploaded file. Raises ConfigError for options that contradict one another."""
    asked: Any = options.model_dump(
        include={"threshold", "min_confidence", "coverage", "empty_sets", "aggregation", "truncate"}, exclude_none=True
    )
    if options.labels is None and (options.hypothesis is not None or options.multi_label):
        raise ConfigError("hypothesis and multi_label need labels", hint="Set labels too.")
    zero_shot = None
    if options.labels is not None:
        zero_shot = labelling.ZeroShotOptions(tuple(options.labels), options.hypothesis, options.multi_label)
    named = options.output_format if options.output_format in NAMED_FORMATS else None
    return labelling.FileLabelling(
        source=source,
        output=f"{OUTPUT}{output_ending(options, source)}",
        input_options=labelling.InputOptions(
            options.input_format,
            options.encoding,
            options.delimiter,
            options.header,
            options.whole,
            quotes=options.quotes,
            sheet=options.sheet,
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
