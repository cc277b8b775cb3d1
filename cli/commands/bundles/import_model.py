"""`glossator import`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from glossator.cli.commands.bundles.export import print_exported, to_json
from glossator.cli.support import corpus_options, run_options
from glossator.cli.support.console import OK, REJECTED_ROWS, Json, Overwrite, Quiet, print_json, reporter, stdout
from glossator.service.errors import ConfigError
from glossator.workflows.corpus.reading_options import ReadingOptions


@corpus_options.with_reading_options("task", *corpus_options.LABELLED)
def import_(
    model: Annotated[
        str, typer.Argument(help="A folder that transformers or sentence-transformers saved, or a name on the hub.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the bundle; the model gets the name of the folder.")
    ],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the hub.")] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Base model of an adapter of peft: a folder, or a name on the hub; default: the one it names."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Labelled file: one half chooses and calibrates the graph, the other half measures it."),
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Labelled file to measure on; then all rows of --data choose and calibrate.")
    ] = None,
    texts: Annotated[
        str | None, typer.Option(help="File of texts without labels, on which int8 must decide what fp32 decides.")
    ] = None,
    onnx: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="fp32 ONNX graph inside the model's folder to import; default: the weights, or onnx/model.onnx if "
            "there are none.",
        ),
    ] = None,
    onnx_int8: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The model's own int8 ONNX graph, to serve in place of one that Glossator makes. Refused if decisions "
            "depend on the other texts of a batch, unless --precision is int8.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prompt of sentence-transformers to put before each text; default: that of the model; '' for none.",
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="For a backbone of heads: layers whose vectors are concatenated, such as 2,4,6; 0: word embeddings; "
            "default: the last layer.",
        ),
    ] = None,
    token_vectors: Annotated[
        bool,
        typer.Option(
            "--token-vectors",
            help="For a backbone of heads that find entities: also give the vector of each token to such heads.",
        ),
    ] = False,
    max_length: Annotated[
        int | None, typer.Option(min=8, help="Longest window in tokens; default: what the model's files set.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(min=0, help="Tokens that windows of a long text share; default: an eighth.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; default: the name of the folder.")] = None,
    precision: Annotated[
        Literal["auto", "int8", "fp32"],
        typer.Option(help="auto: int8 if it loses little (--max-loss) or changes little (--max-flips), else fp32."),
    ] = "auto",
    max_loss: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS", min=0.0, help="With --data: percentage points that int8 may lose at most. Default: 0.5."
        ),
    ] = None,
    max_flips: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT",
            min=0.0,
            max=100.0,
            help="Without --data: int8 is served if the texts show, with 95 % confidence, that it changes at most this "
            "share of the decisions. Default: 0.5.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--license", help="Licence for the model card, such as mit; default: that of the model's own card."
        ),
    ] = None,
    *,
    reading: ReadingOptions,
    overwrite: Overwrite = False,
    runs: run_options.Runs = run_options.RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Make a bundle of a model that was trained elsewhere.

    Recognises what the model does from its files, loads it without running code from them, converts it to ONNX,
    compares the graph with the model, and quantises it. With --data the bundle is calibrated and measured like a
    trained one. A model on the hub is downloaded now; serving never downloads. Exits with 3 if some rows of --data
    could not be used.

    \b
    Examples:
      glossator import exports/sentiment -o models/sentiment --data reviews.csv
      glossator import owner/ner-model --revision 4f1c2d -o models/ner --texts mails.jsonl
    """
    from glossator.workflows.models.model_import import import_model
    from glossator.workflows.models.proving_rows import Proof

    result = import_model(
        model,
        output,
        run_options.open_store(runs),
        reporter(quiet=quiet),
        proof=Proof(data=data, test=test, texts=texts),
        options=reading,
        revision=revision,
        base=base,
        onnx=onnx,
        onnx_int8=onnx_int8,
        prompt=prompt,
        layers=_numbers(layers),
        token_vectors=token_vectors,
        max_length=max_length,
        stride=stride,
        name=name,
        precision=None if precision == "auto" else precision,
        max_loss=None if max_loss is None else max_loss / 100.0,
        max_flips=None if max_flips is None else max_flips / 100.0,
        licence=licence,
        overwrite=overwrite,
    )
    if as_json:
        print_json({"recognised": result.evidence, **to_json(result.exported), "rejected_rows": result.rejected_rows})
    else:
        print_exported(result.exported)
        if not result.exported.manifest.verification.measured:
            stdout().print("not measured on labelled rows: pass --data to measure and calibrate it", markup=False)
    return REJECTED_ROWS if result.rejected_rows else OK


def _numbers(text: str | None) -> list[int]:
    """The numbers of `--layers`. Raises ConfigError if it has anything else."""
    try:
        return [] if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError("--layers is no list of numbers", found=text, expected="numbers with commas: 2,4,6") from None
