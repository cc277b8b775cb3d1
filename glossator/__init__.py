"""Glossator: labelled text to fast, verified text inference on plain CPUs.

>>> import glossator
>>> model = glossator.load("models/tickets")  # doctest: +SKIP
>>> model("Where is my parcel?").label  # doctest: +SKIP
'delivery_delay'
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from glossator.python_names import names_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Unpack

    from glossator.auditing import evidence, verify_evidence
    from glossator.checkpoint import Checkpoint, train
    from glossator.corpus import Corpus, CorpusSplit, read_corpus
    from glossator.labelling import LabelledFile, label
    from glossator.measure import compare, evaluate, select
    from glossator.service.bundle.task import TaskName
    from glossator.service.client import AsyncClient, Client
    from glossator.service.errors import GlossatorError
    from glossator.service.inference.answers import Answers
    from glossator.service.inference.inputs import Texts
    from glossator.service.inference.model import Model
    from glossator.service.inference.pipeline import Answer
    from glossator.service.reviews.accuracy.monitor import Monitored
    from glossator.service.tasks.encoded import Pair
    from glossator.service.tasks.options import DecodeKeywords
    from glossator.service.tasks.text_classification import Classification, Score
    from glossator.service.tasks.token_classification import Entity
    from glossator.sklearn_classifier import SklearnClassifier
    from glossator.workflows.evidence.folder import WrittenEvidence
    from glossator.workflows.evidence.verification import VerifiedEvidence
    from glossator.workflows.loop.drift_files import DriftResult
    from glossator.workflows.models.comparison import ComparedModels
    from glossator.workflows.models.evaluation import EvaluatedModel
    from glossator.workflows.models.model_ladder import SelectedModel

__all__ = [
    "Answer",
    "Answers",
    "AsyncClient",
    "Checkpoint",
    "Classification",
    "Client",
    "ComparedModels",
    "Corpus",
    "CorpusSplit",
    "DriftResult",
    "Entity",
    "EvaluatedModel",
    "GlossatorError",
    "LabelledFile",
    "Model",
    "Monitored",
    "Pair",
    "Score",
    "SelectedModel",
    "SklearnClassifier",
    "VerifiedEvidence",
    "WrittenEvidence",
    "compare",
    "drift",
    "evaluate",
    "evidence",
    "import_model",
    "import_sklearn",
    "label",
    "load",
    "main",
    "monitor",
    "predict_heads",
    "read_corpus",
    "select",
    "train",
    "verify_evidence",
]
_PACKAGES = {"AsyncClient": "httpx", "Client": "httpx", "SklearnClassifier": "sklearn"}
"""Which classes need a package of an extra to be imported. Without it, `import *` leaves them out."""
if not TYPE_CHECKING:
    __all__ = [name for name in __all__ if name not in _PACKAGES or find_spec(_PACKAGES[name]) is not None]

_PUBLIC_CLASSES = {
    "Answer": "glossator.service.inference.pipeline",
    "Answers": "glossator.service.inference.answers",
    "AsyncClient": "glossator.service.client",
    "Checkpoint": "glossator.checkpoint",
    "Classification": "glossator.service.tasks.text_classification",
    "Client": "glossator.service.client",
    "ComparedModels": "glossator.workflows.models.comparison",
    "Corpus": "glossator.corpus",
    "CorpusSplit": "glossator.corpus",
    "DriftResult": "glossator.workflows.loop.drift_files",
    "Entity": "glossator.service.tasks.token_classification",
    "EvaluatedModel": "glossator.workflows.models.evaluation",
    "GlossatorError": "glossator.service.errors",
    "LabelledFile": "glossator.labelling",
    "Model": "glossator.service.inference.model",
    "Monitored": "glossator.service.reviews.accuracy.monitor",
    "Pair": "glossator.service.tasks.encoded",
    "Score": "glossator.service.tasks.text_classification",
    "SelectedModel": "glossator.workflows.models.model_ladder",
    "SklearnClassifier": "glossator.sklearn_classifier",
    "VerifiedEvidence": "glossator.workflows.evidence.verification",
    "WrittenEvidence": "glossator.workflows.evidence.folder",
    "compare": "glossator.measure",
    "evaluate": "glossator.measure",
    "evidence": "glossator.auditing",
    "label": "glossator.labelling",
    "read_corpus": "glossator.corpus",
    "select": "glossator.measure",
    "train": "glossator.checkpoint",
    "verify_evidence": "glossator.auditing",
}
"""Where each public class is, and each function that has a module of its own."""


@names_parameters
def load(
    path: str | Path,
    *,
    threads: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    backbone: str | Path | None = None,
) -> Model:
    """Load and verify a bundle.

    `model("text")` answers one text, `model(["a", "b"])` several. A model that reads two texts takes a `Pair` for each.

    Args:
        path: The folder of the bundle.
        threads: CPU threads; None takes all CPUs that this process may use.
        device: Where the graph runs; `cuda` needs onnxruntime-gpu.
        backbone: For a head, the folder of its backbone; None finds it next to the head.

    Returns:
        A model that several threads may share.

    Raises:
        BundleNotFound: There is no bundle in the folder, or the backbone of a head was not found.
        BundleVersionUnsupported: The bundle's format is newer than this version of Glossator.
        BundleInvalid: The bundle does not verify; lists every fault by name.
        ConfigError: The device is not available.

    Example:
        >>> model = glossator.load("models/tickets")  # doctest: +SKIP
        >>> [answer.label for answer in model(["Where is my parcel?", "I cannot log in"])]  # doctest: +SKIP
        ['delivery', 'login']
    """
    from glossator.service.inference.model import load

    return load(path, threads=threads, device=device, backbone=backbone)


def predict_heads(heads: Sequence[Model], texts: Texts, **options: Unpack[DecodeKeywords]) -> list[Answers]:
    """Answer texts with several heads of one backbone; each text is encoded and read once.

    Args:
        heads: Loaded heads of the same backbone.
        texts: As for a model.
        **options: As for a model; they must apply to every head.

    Returns:
        The answers of each head, in the order of the heads.

    Raises:
        ConfigError: The models are not heads of one backbone, or an option does not apply to one of them.

    Example:
        >>> heads = [glossator.load(f"models/{name}") for name in ("intent", "urgency")]  # doctest: +SKIP
        >>> intents, urgencies = glossator.predict_heads(heads, ["Where is my parcel?"])  # doctest: +SKIP
    """
    from glossator.service.inference.heads.several_heads import predict_heads

    return predict_heads(heads, texts, **options)


@names_parameters
def import_model(
    model: str | Path,
    output: str | Path | None = None,
    *,
    data: str | Path | None = None,
    test: str | Path | None = None,
    texts: str | Path | None = None,
    revision: str | None = None,
    base: str | Path | None = None,
    onnx: str | None = None,
    onnx_int8: str | None = None,
    prompt: str | None = None,
    layers: Sequence[int] = (),
    token_vectors: bool = False,
    task: TaskName | None = None,
    label_names: Sequence[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    max_length: int | None = None,
    stride: int | None = None,
    name: str | None = None,
    precision: Literal["auto", "fp32", "int8"] = "auto",
    max_loss: float | None = None,
    max_flips: float | None = None,
    license: str | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Model:
    """Make a bundle of a model that another library saved, and load it. Needs the extra `export`.

    Args:
        model: A folder, or the name of a model on the Hugging Face hub, which is downloaded.
        output: The folder for the bundle. None: a temporary one, removed with the model.
        data: A labelled file: half of its rows choose and calibrate the graph, the other half measures it.
        test: A labelled file to measure on; then all rows of `data` choose and calibrate.
        texts: A file of texts without labels, in place of `data`. Without both, the graph is compared with the model on
            texts that Glossator has.
        revision: A branch, a tag or a commit on the hub; None takes the newest version.
        base: The base model of an adapter of peft, a folder or a name; None takes the one that the adapter names.
        onnx: The fp32 ONNX graph to import, as a path inside the model's folder; None takes its weights, or its graph
            if it has no weights.
        onnx_int8: The model's own int8 ONNX graph, to serve in place of one that Glossator makes. It is refused if
            decisions depend on the other texts of a batch, unless `precision` is `int8`.
        prompt: The name of a prompt of sentence-transformers that is put before each text; empty for none. None takes
            the default of the model.
        layers: The layers of an encoder whose vectors are concatenated, for a backbone of heads; 0 is the word
            embeddings. None given: the last layer.
        token_vectors: Also give the vector of each token, for a backbone of heads that find entities.
        task: What the model does; None if its files say so.
        label_names: The names of the labels in the order of the logits, in place of those in the model's files.
        text_column: The column of the texts; None detects it.
        label_column: The column of the labels; None detects it.
        max_length: The longest window in tokens; None takes what the model's files set.
        stride: Tokens that neighbouring windows share; None takes an eighth of a window.
        name: The model's name; None takes the name of the output folder.
        precision: `auto` takes int8 if it is faster and was shown to lose little, else fp32.
        max_loss: With `data`, how much lower the metric may be in int8, as a share; None is half a point.
        max_flips: Without `data`, the largest share of decisions that int8 may change; None is half a percent.
        license: The licence on the model card, by its identifier on the hub, such as `mit`; None takes the one on the
            model's own card.
        overwrite: Replace an existing bundle.
        progress: Called with a line of text when a step begins.

    Returns:
        The model of the bundle.

    Raises:
        ConfigError: The folder holds no model that can be imported, or the options do not fit together.
        CorpusError: The rows or texts cannot be read.
        OutputError: The folder of the bundle cannot be written.

    Example:
        >>> model = glossator.import_model("owner/name", "models/name", data="test.csv")  # doctest: +SKIP
    """
    from pathlib import Path

    from glossator.checkpoint import output_folder, remove_with
    from glossator.workflows.corpus.reading_options import ReadingOptions
    from glossator.workflows.models.model_import import import_model
    from glossator.workflows.models.proving_rows import Proof
    from glossator.workflows.reporter import LineReporter
    from glossator.workflows.run_records import NoRecords

    sources = {
        key: None if value is None else str(value) for key, value in (("data", data), ("test", test), ("texts", texts))
    }
    with output_folder(output, Path(model).name) as folder:
        import_model(
            str(model),
            folder,
            NoRecords(),
            LineReporter(progress),
            proof=Proof(**sources),
            options=ReadingOptions(
                task=task,
                label_names=None if label_names is None else tuple(label_names),
                text_column=text_column,
                label_column=label_column,
            ),
            revision=revision,
            base=None if base is None else str(base),
            onnx=onnx,
            onnx_int8=onnx_int8,
            prompt=prompt,
            layers=layers,
            token_vectors=token_vectors,
            max_length=max_length,
            stride=stride,
            name=name,
            precision=None if precision == "auto" else precision,
            max_loss=max_loss,
            max_flips=max_flips,
            licence=license,
            overwrite=overwrite,
        )
    imported = load(folder)
    if output is None:
        remove_with(imported, folder)
    return imported


@names_parameters
def import_sklearn(
    pipeline: object,
    output: str | Path,
    *,
    texts: Sequence[str] | None = None,
    labels: Sequence[object] | None = None,
    label_names: Sequence[str] | None = None,
    name: str | None = None,
    max_length: int | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Model:
    """Make a bundle of a fitted text pipeline of scikit-learn, and load it. Needs the extra `export`.

    The pipeline begins with a `TfidfVectorizer` or a `CountVectorizer` and ends with a linear classifier. Its public
    attributes are read; nothing is pickled. Labels and probabilities are compared with those of scikit-learn: if a
    probability differs by more than 1e-5, no bundle is written.

    Args:
        pipeline: A fitted `sklearn.pipeline.Pipeline`.
        output: The folder for the bundle.
        texts: Texts like those that the model will read. None takes texts that Glossator has.
        labels: What the pipeline should answer to the texts, as it was fitted: classes, or rows of an indicator matrix.
            Half of the rows calibrate the scores, which are then no longer those of scikit-learn; the other half
            measures the bundle. Use rows that the pipeline was not fitted on.
        label_names: The names of the labels in the order of the pipeline's classes. None takes the classes as text.
        name: The model's name; None takes the name of the output folder.
        max_length: The longest window in tokens, words or characters. Longer texts are read in windows, and answered
            differently. None takes 16,384 words or 65,536 characters, fewer if there are many labels.
        overwrite: Replace an existing bundle.
        progress: Called with a line of text when a step begins.

    Returns:
        The model of the bundle.

    Raises:
        ConfigError: The pipeline has a part that cannot be imported, or it would not answer as scikit-learn does.
        CorpusError: The labels are not those of the pipeline.
        OutputError: The folder of the bundle cannot be written.

    Example:
        >>> pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)  # doctest: +SKIP
        >>> model = glossator.import_sklearn(pipeline, "models/topics")  # doctest: +SKIP
    """
    from pathlib import Path

    from glossator.workflows.models.sklearn_import import import_sklearn
    from glossator.workflows.reporter import LineReporter

    import_sklearn(
        pipeline,
        Path(output),
        LineReporter(progress),
        texts=texts,
        labels=labels,
        label_names=label_names,
        name=name,
        max_length=max_length,
        overwrite=overwrite,
    )
    return load(output)


@names_parameters
def monitor(
    model: str,
    log: str | Path,
    *,
    since: str | None = None,
    until: str | None = None,
    new: bool = False,
    labels: int | None = None,
    tasks: str | Path | None = None,
    answers: str | Path | None = None,
    reviewer: str = "reviewer",
    confidence: float = 0.95,
    slices: Sequence[str] = (),
    history: bool = False,
) -> Monitored:
    """Measure the accuracy of a deployed model from a few reviewed answers, as `glossator monitor` does.

    The answers in the prediction log until now are a period, and some of them are drawn for review. Without `since`,
    `until` and `new`, the last period of the model goes on.

    Args:
        model: The name of the model in the log, or NAME@DIGEST for one version.
        log: The folder of `glossator serve --log FOLDER`.
        since: A new period: answers from this time on, such as `2026-11-29`; UTC.
        until: A new period: answers before this time; None is now.
        new: A new period: the answers since the end of the last one.
        labels: Draw answers until there are that many draws; None draws 200 in a new period.
        tasks: Write the drawn answers without a review to this file, as JSON lines.
        answers: Read reviews from this file: the tasks, with what the reviewer says added.
        reviewer: Who reviewed, for rows that do not say it.
        confidence: The confidence of the intervals, 0 to 1.
        slices: Fields to divide the answers by: route, key, version, tier, truncated, windows, tokens, confidence,
            time (days).
        history: Measure all periods of the model too.

    Returns:
        The accuracy with its interval, its parts, and what is odd about the log.

    Raises:
        FileMissing: There is no log, or no file of reviews.
        ConfigError: There are no answers in that time, they cannot be right or wrong, or there is no such field.
        InputError: The file of reviews cannot be read.
        OutputError: The tasks cannot be written.

    Example:
        >>> found = glossator.monitor("tickets", "predictions", answers="review.jsonl")  # doctest: +SKIP
        >>> found.accuracy.estimate.interval  # doctest: +SKIP
        Interval(low=0.901, high=0.997)
    """
    from pathlib import Path

    from glossator.service.reviews.accuracy.monitor import NewPeriod, monitor_model

    return monitor_model(
        model,
        Path(log),
        period=NewPeriod(since, until, after_last=new),
        labels=labels,
        tasks=None if tasks is None else str(tasks),
        answers=None if answers is None else Path(answers),
        reviewer=reviewer,
        alpha=1.0 - confidence,
        slices=slices,
        history=history,
    )


@names_parameters
def drift(
    model: str | Path,
    texts: str | Path | Sequence[str] | Sequence[Pair] | None = None,
    *,
    log: str | Path | None = None,
    since: str | None = None,
    until: str | None = None,
    tolerance: float = 0.1,
    confidence: float = 0.95,
    threads: int | None = None,
) -> DriftResult:
    """Compare texts with those that a model was made for, without labels, as `glossator drift` does.

    Args:
        model: The folder of the bundle.
        texts: The texts, or the path of a file that has them. None with `log`.
        log: The folder of `glossator serve --log FOLDER`: compares the answers in it, and needs no texts.
        since: With `log`, answers from this time on, such as `2026-11-29`; UTC.
        until: With `log`, answers before this time.
        tolerance: The largest distance that does not matter, 0 to 1.
        confidence: The confidence of all intervals together, 0 to 1.
        threads: CPU threads; None takes all CPUs that this process may use.

    Returns:
        The distance of each summary with its interval, the shares of the labels, and what accuracy they imply.

    Raises:
        ConfigError: The bundle has no samples to compare with, or the options contradict one another.
        FileMissing: There is no such file or log.
        InputError: The file cannot be read, or no text could be answered.
        BundleError: The bundle cannot be read.

    Example:
        >>> found = glossator.drift("models/tickets", "november.csv")  # doctest: +SKIP
        >>> found.comparison.drifted  # doctest: +SKIP
        ['unknown_words', 'labels']
    """
    from pathlib import Path

    from glossator.service.errors import ConfigError
    from glossator.service.monitoring.prediction_log.reader import parse_time
    from glossator.workflows.loop.drift_files import DriftOptions, drift_of_file, drift_of_log, drift_of_texts
    from glossator.workflows.reporter import Reporter

    if (texts is None) == (log is None):
        raise ConfigError("drift compares either texts or a prediction log", hint="Pass `texts` or `log`.")
    if not (0.0 < confidence < 1.0 and 0.0 <= tolerance <= 1.0):
        raise ConfigError(
            "tolerance or confidence is not a share",
            found=f"tolerance {tolerance}, confidence {confidence}",
            expected="shares between 0 and 1, such as 0.95",
        )
    bundle, reporter, options = Path(model), Reporter(), DriftOptions(tolerance, 1.0 - confidence)
    if log is not None:
        begin, end = parse_time(since, "since"), parse_time(until, "until")
        return drift_of_log(Path(log), bundle, reporter, options=options, since=begin, until=end)
    assert texts is not None
    if isinstance(texts, str | Path):
        return drift_of_file(str(texts), bundle, reporter, options=options, threads=threads)
    return drift_of_texts(texts, bundle, reporter, options=options, threads=threads)


def main() -> None:
    """Run the command line."""
    from glossator.cli.app import main

    main()


def __getattr__(name: str) -> object:
    """Import the version and what has a module of its own on first use, so that importing this package loads little."""
    if name == "__version__":
        from importlib.metadata import version

        return version("glossator")
    if name not in _PUBLIC_CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC_CLASSES[name]), name)
