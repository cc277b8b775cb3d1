"""`glossator predict`"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glossator.cli.support import decoder_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Device, Json, Threads, print_json, stdout
from glossator.cli.support.panels import ANSWERS
from glossator.service.errors import ConfigError, InputError, UndecodableFile
from glossator.service.files.text_lines import text_lines

if TYPE_CHECKING:
    from glossator.service.inference.model import Model
    from glossator.service.inference.pipeline import Answer
    from glossator.service.tasks.encoded import Text

_SHOWN_SCORES = 3
_SHOWN_CHARACTERS = 80


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="One or several texts; default: the lines of standard input.")
    ] = None,
    model: Annotated[Path | None, typer.Option("--model", "-m", help="Folder of the bundle.")] = None,
    second: Annotated[
        str | None,
        typer.Option(help="The second text, for models that read two: the context of a question, a hypothesis."),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="List this many of the most probable labels; default: 3 in the table.",
            rich_help_panel=ANSWERS,
        ),
    ] = None,
    threshold: decoder_options.Threshold = None,
    min_confidence: decoder_options.MinConfidence = None,
    aggregation: decoder_options.Aggregation = None,
    truncate: decoder_options.Truncate = False,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> int:
    """Answer one or several texts with a bundle.

    Prints a table, or with --json every field. Exits with 3 if some texts could not be answered. Use
    `glossator label` for files.

    \b
    Examples:
      glossator predict "Where is my parcel?" --model models/tickets
      glossator predict "Who wrote it?" --second "Ada wrote the notes." --model models/questions
      echo "Where is my parcel?" | glossator predict --model models/tickets --json
    """
    from glossator.service.inference.model import load

    if model is None:
        raise ConfigError("no model is given", expected="the folder of a bundle", hint="Name it: --model FOLDER.")
    given = list(texts) if texts else _read_lines()
    loaded = load(model, threads=threads, device=device)
    answers = loaded.predict(
        _inputs(given, second, loaded),
        top_k=top_k,
        threshold=threshold,
        min_confidence=min_confidence,
        aggregation=aggregation,
        truncate=truncate,
    )
    if as_json:
        results = [_fields(answer, top_k) for answer in answers]
        print_json(
            {
                "model": loaded.version,
                "results": [{"text": text, **fields} for text, fields in zip(given, results, strict=True)],
            }
        )
    else:
        _print_table(given, answers, top_k or _SHOWN_SCORES)
    return REJECTED_ROWS if any(isinstance(answer, InputError) for answer in answers) else OK


def _read_lines() -> list[str]:
    """Return the lines of standard input that are not blank."""
    if sys.stdin.isatty():
        raise ConfigError("there is no text", hint='Give one: glossator predict "some text" --model FOLDER.')
    try:
        content = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UndecodableFile("standard input is not UTF-8", found=error, hint="Convert it to UTF-8.") from None
    lines = [line for line in text_lines(content) if line.strip()]
    if not lines:
        raise ConfigError("there is no text", found="empty standard input", hint="Give a text, or one per line.")
    return lines


def _inputs(texts: Sequence[str], second: str | None, model: Model) -> list[Text]:
    from glossator.service.inference.encoding import reads_pairs
    from glossator.service.tasks.encoded import Pair

    if reads_pairs(model.task) and second is None:
        raise ConfigError(f"a {model.task.task} model reads two texts", found="one", hint="Give --second TEXT.")
    if second is None:
        return list(texts)
    if not reads_pairs(model.task):
        raise ConfigError(f"a {model.task.task} model reads one text", found="--second", hint="Leave it out.")
    return [Pair(text, second) for text in texts]


def _fields(answer: Answer | InputError, top_k: int | None) -> dict[str, object]:
    """Return an answer as JSON-ready fields: those of a row of `glossator label`, and scores if `top_k` is given."""
    from glossator.service.inference.answer_forms.answer_cells import answer_cells
    from glossator.service.tasks.text_classification import Classification

    if isinstance(answer, InputError):
        return {"status": "error", "error": answer.to_dict()}
    fields = answer_cells(answer, nested=True)
    if top_k is not None and isinstance(answer.prediction, Classification):
        fields["scores"] = [{"label": each.label, "score": each.score} for each in answer.prediction.scores]
    return {"status": "ok", **fields, "tokens": answer.tokens, "truncated": answer.truncated}


def _print_table(texts: Sequence[str], answers: Sequence[Answer | InputError], shown_scores: int) -> None:
    from rich.table import Table
    from rich.text import Text as Cell

    table = Table("text", "answer")
    for text, answer in zip(texts, answers, strict=True):
        one_line = " ".join(text.split())
        short = one_line if len(one_line) <= _SHOWN_CHARACTERS else one_line[: _SHOWN_CHARACTERS - 1] + "…"
        table.add_row(Cell(short), Cell(_shown(answer, shown_scores)))
    stdout().print(table)


def _shown(answer: Answer | InputError, shown_scores: int) -> str:
    """Return an answer as text for a cell of the table."""
    from glossator.service.tasks.question_answering import Extraction
    from glossator.service.tasks.text_classification import Classification
    from glossator.service.tasks.text_embedding import Embedding
    from glossator.service.tasks.token_classification import Entities

    if isinstance(answer, InputError):
        return f"error: {answer.message}"
    prediction = answer.prediction
    if isinstance(prediction, Classification):
        scores = "\n".join(f"{each.label} {each.score:.3f}" for each in list(prediction.scores)[:shown_scores])
        if prediction.out_of_scope:
            return f"(out of scope)\n{scores}"
        decided = ", ".join(prediction.labels)
        if prediction.labels == (prediction.scores[0].label,):
            return scores  # the first line is the answer
        return f"{decided or '(no label)'}\n{scores}"
    if isinstance(prediction, Entities):
        found = [f"{each.text} ({each.label} {each.score:.3f})" for each in prediction.entities]
        return "\n".join(found) or "(no entity)"
    if isinstance(prediction, Extraction):
        span = prediction.answer
        return "(no answer)" if span is None else f"{span.text} ({span.score:.3f})"
    if isinstance(prediction, Embedding):
        start = ", ".join(f"{value:.3f}" for value in prediction.vector[:4])
        return f"[{start}, … {len(prediction.vector)} numbers]"
    return f"{prediction.score:.3f}"
