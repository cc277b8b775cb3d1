"""`glossator.label`: the command `glossator label` from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from glossator.python_names import names_parameters
from glossator.service.documents.sources.remote import is_remote, local_copy
from glossator.service.errors import ConfigError
from glossator.service.inference.answer_forms.answer_html import counts_html
from glossator.service.inference.model import Model, load
from glossator.service.labelling.file_labelling import FileLabelling, InputOptions, ZeroShotOptions
from glossator.service.labelling.label_file import check_output, label_file
from glossator.service.labelling.row_labelling import RowSelection
from glossator.service.labelling.summary import LabelSummary
from glossator.service.tasks.options import DecodeKeywords


@dataclass(frozen=True, slots=True, repr=False)
class LabelledFile:
    """A file of labelled rows, and their counts."""

    output: Path
    summary: LabelSummary

    @property
    def rows(self) -> int:
        """Rows that were read and written."""
        return self.summary.rows

    @property
    def failed(self) -> int:
        """Rows with an error in place of an answer; the column `_error` says which one."""
        return self.summary.failed

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of `glossator label --json`, and `output`."""
        return {"output": str(self.output), **asdict(self.summary), "errors": dict(self.summary.errors)}

    def __repr__(self) -> str:
        return f"LabelledFile({str(self.output)!r}: {self.summary.describe()})"

    def _repr_html_(self) -> str:
        counts = {"rows": self.rows, "labelled": self.summary.labelled, **self.summary.errors}
        return counts_html(str(self.output), counts)


@names_parameters
def label(
    source: str | Path,
    model: Model | str | Path,
    output: str | Path | None = None,
    *,
    text_column: str | None = None,
    second_column: str | None = None,
    heads: Sequence[Model | str | Path] = (),
    zero_shot: Sequence[str] | None = None,
    hypothesis: str | None = None,
    multi_label: bool = False,
    limit: int | None = None,
    sample: float | None = None,
    seed: int = 13,
    input_options: InputOptions | None = None,
    output_format: str | None = None,
    prefix: str = "",
    raw_cells: bool = False,
    max_error_rate: float | None = None,
    fresh: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Callable[[LabelSummary], None] | None = None,
    report: Callable[[str], None] | None = None,
    **asked: Unpack[DecodeKeywords],
) -> LabelledFile:
    """Label every row of a file, as `glossator label` does: the output is the same to the byte.

    The output is complete or does not exist. If the labelling is interrupted, the same call resumes it.

    Args:
        source: A file, folder, archive, glob pattern or URL.
        model: A loaded model, or the folder of a bundle.
        output: The file to write, in the format of its suffix. None puts it next to a local file: `tickets.csv` becomes
            `tickets.labelled.csv`.
        text_column: The column with the text; None detects it.
        second_column: The column with the second text, for tasks that read two.
        heads: Further heads of the backbone of `model`; each adds columns with its name, and each text is read once.
        zero_shot: Labels that the model was not trained on.
        hypothesis: With `zero_shot`, the sentence that a label completes, such as `This example is {}.`
        multi_label: With `zero_shot`, give every label that fits, also none or several.
        limit: Label only the first rows.
        sample: Label a random share of the rows, such as 0.01.
        seed: The seed of `sample`.
        input_options: How the file is read; None detects its format, encoding and delimiter.
        output_format: The format of the output; None takes that of its suffix.
        prefix: Put before the names of the added columns.
        raw_cells: Do not escape CSV cells that a spreadsheet would run as formulas.
        max_error_rate: Stop if a larger share of the rows has an error.
        fresh: Start again, also after an interruption.
        overwrite: Replace an existing output.
        threads: CPU threads, if `model` is a folder.
        progress: Called with the counts after each chunk of rows.
        report: Called with sentences about what was detected.
        **asked: Options of the task, such as `min_confidence`; see `glossator.Model.predict`.

    Returns:
        The output with the counts of its rows, of errors and of tokens.

    Raises:
        ConfigError: Options do not fit the model or one another, or belong to an interrupted labelling of this output.
        OutputError: The output exists or cannot be written.
        InputError: The source cannot be read. A row that cannot be labelled is no error: it has one in its own row.
        JobError: Too many rows have an error, or another process writes this output.

    Example:
        >>> glossator.label("tickets.csv", "models/tickets", "labelled.parquet")  # doctest: +SKIP
        LabelledFile('labelled.parquet': 120 rows: 119 labelled, 1 with an error; 1 empty-text; ...)
    """
    if not zero_shot and (hypothesis is not None or multi_label):
        raise ConfigError("hypothesis and multi_label need zero_shot", hint="Give the labels too.")
    if heads and zero_shot:
        raise ConfigError("heads cannot be combined with zero_shot", hint="Leave one out.")
    target = _next_to(str(source)) if output is None else str(output)
    say = report or _ignore
    with ExitStack() as stack:
        job = FileLabelling(
            source=stack.enter_context(local_copy(str(source), say)) if is_remote(str(source)) else str(source),
            output=target,
            input_options=input_options or InputOptions(),
            text_column=text_column,
            second_column=second_column,
            task_options=asked,
            zero_shot=ZeroShotOptions(tuple(zero_shot), hypothesis, multi_label) if zero_shot else None,
            prefix=prefix,
            output_format=output_format,
            formula_safe=not raw_cells,
            selection=RowSelection(limit, sample, seed),
            max_error_rate=max_error_rate,
        )
        check_output(job, overwrite=overwrite, fresh=fresh)
        loaded = model if isinstance(model, Model) else load(model, threads=threads)
        summary = label_file(
            job,
            loaded,
            overwrite=overwrite,
            fresh=fresh,
            report=say,
            progress=progress,
            heads=[each if isinstance(each, Model) else load(each, threads=threads) for each in heads],
        )
    return LabelledFile(Path(target), summary)


def _next_to(source: str) -> str:
    path = Path(source)
    if is_remote(source) or not path.is_file() or not path.suffix:
        raise ConfigError("there is no output", found=source, hint="Name the file to write: output='labelled.jsonl'.")
    return str(path.with_name(f"{path.stem}.labelled{path.suffix}"))


def _ignore(_: str) -> None:
    pass
