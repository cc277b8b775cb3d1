"""The bundle's model card, in Hugging Face form. Every number comes from the manifest or the evaluation beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.evaluation_files import draw_plots, evaluation_json
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import CascadeRecord, Manifest, Parity
from glossator.service.bundle.task import QuestionAnswering, Task, TextEmbedding, TextPair, TokenClassification
from glossator.service.errors import shorten
from glossator.service.inference.runtime.int8_kernels import KernelSpeed

FOLDER = "evaluation"

_HUGGING_FACE_METRICS = {
    "accuracy": "accuracy", "macro_f1": "f1", "micro_f1": "f1", "weighted_f1": "f1",
    "f1": "f1", "precision": "precision", "recall": "recall", "exact_match": "exact_match", "pearson": "pearsonr",
    "spearman": "spearmanr", "mean_absolute_error": "mae",
}  # fmt: skip
"""Our metrics to the types that a `model-index` knows."""
_PIPELINE_TAGS = {
    "text-classification": "text-classification",
    "text-pair": "text-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "text-embedding": "feature-extraction",
}
"""Our tasks to those of the Hugging Face hub."""


def write_card(
    folder: Path, manifest: Manifest, evaluations: Mapping[str, AnyEvaluation], pages: Mapping[str, str] | None = None
) -> None:
    """Writes `README.md`, and for each evaluation its JSON and its pictures under `evaluation/`; `pages` has HTML with
    the entities of a split."""
    pages = pages or {}
    (folder / FOLDER).mkdir()
    for split, evaluation in evaluations.items():
        (folder / FOLDER / f"{split}.json").write_text(evaluation_json(evaluation), encoding="utf-8")
        for name, picture in draw_plots(evaluation).items():
            (folder / FOLDER / f"{split}-{name}.svg").write_text(picture, encoding="utf-8")
    for split, page in pages.items():
        (folder / FOLDER / f"{split}-entities.html").write_text(page, encoding="utf-8")
    (folder / file_names.CARD).write_text(_card(manifest, evaluations, pages), encoding="utf-8")


def _card(manifest: Manifest, evaluations: Mapping[str, AnyEvaluation], pages: Iterable[str]) -> str:
    task, provenance = manifest.task, manifest.task.provenance
    headline = evaluations.get("test") or evaluations["validation"]
    parts = [
        _front_matter(manifest, headline),
        f"# {manifest.name}",
        f"{_kind(task)}. Fine-tuned from {provenance.base_model} on {provenance.corpus_rows:,} rows, served as an ONNX "
        f"graph in {manifest.served.precision}.",
        "## Use",
        f'```python\nimport glossator\n\nmodel = glossator.load("{manifest.name}")\n{_call(task)}\n```',
        "## How good it is",
        "Measured on the served graph, with the code that serves. "
        + (
            "The test rows were looked at once, at export."
            if "test" in evaluations
            else "No test rows were given: these are the validation rows that the epoch was chosen on, so the figures "
            "are somewhat too good."
        ),
        _one_level_down(evaluation_report(headline)),
        *(
            f"![{name} on the {headline.name} rows]({FOLDER}/{headline.name}-{name}.svg)"
            for name in draw_plots(headline)
        ),
        *(f"[What it finds in {split} rows]({FOLDER}/{split}-entities.html), beside what is true." for split in pages),
        "## How it was checked",
        _parity_table(manifest),
        f"Serving {manifest.served.precision}: {manifest.served.reason}.",
        *([] if manifest.cascade is None else [cascade_told(manifest.cascade)]),
        f"Neighbours in a batch move a logit by at most {manifest.verification.batch_difference:.3g} as measured on "
        f"validation texts. {manifest.verification.golden_rows} golden rows are replayed before the model is served.",
        *_speed(manifest),
        *_labels(task),
        "## Limits",
        f"Texts of more than {task.encoding.max_length} tokens are read in windows that overlap by "
        f"{task.encoding.stride} tokens; nothing is cut off. Figures hold for texts like those it was trained on, and "
        "say nothing of other languages, other times or other people. Answers are not advice, and scores are not "
        "calibrated beyond the calibration error above.",
        "## Where it comes from",
        _provenance(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def cascade_told(cascade: CascadeRecord) -> str:
    """What the gate does, in one line."""
    return (
        f"In front stands {cascade.model} ({cascade.algorithm}): it answers where its label has a probability of "
        f"{cascade.threshold:.4f} or more, {cascade.share:.1%} of the {cascade.rows:,} validation rows; accuracy there "
        f"{cascade.cascade_accuracy:.4f} against {cascade.full_accuracy:.4f} of the full model alone, one-sided 95 % "
        f"bound {cascade.low:+.4f}, margin {cascade.margin:.4f}."
    )


def _kind(task: Task) -> str:
    """What the model does, in a few words."""
    if isinstance(task, TokenClassification):
        return f"Entities of {len(task.types)} types in a text"
    if isinstance(task, QuestionAnswering):
        return "The part of a context that answers a question"
    if isinstance(task, TextEmbedding):
        return f"Vectors of {task.dimension} numbers for texts"
    if task.problem_type == "regression":
        return (
            f"A score from {task.score_range[0]:g} to {task.score_range[1]:g} for two texts"
            if isinstance(task, TextPair)
            else "A score"
        )
    read = "two texts" if isinstance(task, TextPair) else "a text"
    kind = "one label" if task.problem_type == "single_label_classification" else "any number of labels"
    return f"Text classification: {kind} for {read}, from {len(task.labels)} labels"


def _call(task: Task) -> str:
    """How the model is asked in Python."""
    if isinstance(task, TokenClassification):
        return 'for entity in model("...").entities:\n    print(entity.label, entity.text, entity.start, entity.end)'
    if isinstance(task, QuestionAnswering):
        return 'answer = model(glossator.Pair("question", "context"))\nanswer.span'
    if isinstance(task, TextEmbedding):
        return 'model("...").vector'
    read = 'glossator.Pair("...", "...")' if isinstance(task, TextPair) else '"..."'
    shown = "answer.score" if task.problem_type == "regression" else "answer.label, answer.score"
    return f"answer = model({read})\n{shown}"


def _labels(task: Task) -> list[str]:
    names = task.types if isinstance(task, TokenClassification) else task.labels
    if not names or isinstance(task, QuestionAnswering):
        return []
    return ["## Labels", ", ".join(_code(label) for label in names)]


def _front_matter(manifest: Manifest, evaluation: AnyEvaluation) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=_PIPELINE_TAGS[manifest.task.task],
            dataset_type="private",
            dataset_name=f"corpus {manifest.task.provenance.corpus_fingerprint[:12]}",
            dataset_split=evaluation.name,
            metric_type=_HUGGING_FACE_METRICS[name],
            metric_name=name,
            metric_value=round(estimate.value, 6),
        )
        for name, estimate in evaluation.metrics.items()
        if name in _HUGGING_FACE_METRICS
    ]
    data = ModelCardData(
        base_model=manifest.task.provenance.base_model if "/" in manifest.task.provenance.base_model else None,
        library_name="onnx",
        pipeline_tag=_PIPELINE_TAGS[manifest.task.task],
        tags=["glossator", "onnx", manifest.served.precision],
        model_name=manifest.name,
        eval_results=results,
    )
    return f"---\n{data.to_yaml()}\n---"


def _parity_table(manifest: Manifest) -> str:
    rows = [
        [
            graph_name(parity),
            f"{parity.rows:,}",
            f"{parity.max_logit_difference:.2g}",
            str(parity.decision_flips),
            parity.metric,
            f"{parity.reference_value:.4f}",
            f"{parity.graph_value:.4f}",
            f"{parity.texts_per_second:,.0f}",
        ]
        for parity in manifest.verification.parity
    ]
    header = [
        "graph",
        "rows",
        "max logit difference",
        "decisions that differ",
        "metric",
        "PyTorch fp32",
        "graph",
        "texts/s",
    ]
    return markdown_table(header, rows, right=(1, 2, 3, 5, 6, 7))


def graph_name(parity: Parity) -> str:
    """What tables call a graph."""
    if parity.scheme == "fp32":
        return "fp32"
    return f"int8 {parity.scheme}" + (f", {len(parity.excluded)} of its inputs in fp32" if parity.excluded else "")


def _speed(manifest: Manifest) -> list[str]:
    if manifest.speed is None:
        return []
    speed = manifest.speed
    kernels = "" if speed.kernels is None else f" Int8 products: {KernelSpeed(**speed.kernels.model_dump()).summary()}."
    return [
        f"Speed at export, strings to labels: {speed.texts_per_second:,.0f} texts/s ({speed.tokens_per_second:,.0f} "
        f"tokens/s) on {speed.machine}.{kernels}"
    ]


def _one_level_down(report: str) -> str:
    """The report's headings as those of a part of the card."""
    return re.sub(r"^#", "##", report, flags=re.MULTILINE).strip()


def _code(text: str) -> str:
    """The text as a Markdown code span on one line, whatever characters it holds (CommonMark 0.31, section 6.1)."""
    text = shorten(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _provenance(manifest: Manifest) -> str:
    provenance = manifest.task.provenance
    options = ", ".join(f"{name} {value}" for name, value in provenance.config.items() if value is not None)
    versions = ", ".join(f"{name} {version}" for name, version in provenance.packages.items())
    return "\n".join(
        [
            f"- corpus fingerprint: `{provenance.corpus_fingerprint}`",
            f"- base model: `{provenance.base_model}`, revision `{provenance.base_revision}`",
            f"- algorithm: {provenance.algorithm} ({options}), seed {provenance.seed}",
            f"- versions: {versions}",
            f"- trained: {provenance.created}" + (f", run `{provenance.run}`" if provenance.run else ""),
        ]
    )
