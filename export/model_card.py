"""The model card of a bundle, in the form of Hugging Face. Every number comes from the manifest or the evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from glossator.evaluation.markdown import code_span, markdown_table
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.evaluation_files import draw_plots, evaluation_json
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import CascadeRecord, Manifest, Parity
from glossator.service.bundle.task import QuestionAnswering, Task, TextEmbedding, TextPair, TokenClassification
from glossator.service.inference.runtime.int8_kernels import KernelSpeed

FOLDER = "evaluation"

_HUGGING_FACE_METRICS = {
    "accuracy": "accuracy", "macro_f1": "f1", "micro_f1": "f1", "weighted_f1": "f1",
    "f1": "f1", "precision": "precision", "recall": "recall", "exact_match": "exact_match", "pearson": "pearsonr",
    "spearman": "spearmanr", "mean_absolute_error": "mae",
}  # fmt: skip
"""The metric types of `model-index`, by our names."""
_PIPELINE_TAGS = {
    "text-classification": "text-classification",
    "text-pair": "text-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "text-embedding": "feature-extraction",
}
"""The pipeline tags of the Hugging Face hub, by our task names."""


def write_card(
    folder: Path, manifest: Manifest, evaluations: Mapping[str, AnyEvaluation], pages: Mapping[str, str] | None = None
) -> None:
    """Write the model card, and each evaluation as JSON and plots in `evaluation/`.

    `pages`: HTML pages with entities, by split.
    """
    pages = pages or {}
    (folder / FOLDER).mkdir()
    for split, evaluation in evaluations.items():
        (folder / FOLDER / f"{split}.json").write_text(evaluation_json(evaluation), encoding="utf-8")
        for name, plot in draw_plots(evaluation).items():
            (folder / FOLDER / f"{split}-{name}.svg").write_text(plot, encoding="utf-8")
    for split, page in pages.items():
        (folder / FOLDER / f"{split}-entities.html").write_text(page, encoding="utf-8")
    (folder / file_names.CARD).write_text(_card(manifest, evaluations, pages), encoding="utf-8")


def _card(manifest: Manifest, evaluations: Mapping[str, AnyEvaluation], pages: Iterable[str]) -> str:
    task, provenance = manifest.task, manifest.task.provenance
    headline = evaluations.get("test") or evaluations["validation"]
    parts = [
        _front_matter(manifest, headline),
        f"# {manifest.name}",
        f"{_description(task)}. Fine-tuned from {provenance.base_model} on {provenance.corpus_rows:,} rows, served as "
        f"an ONNX graph in {manifest.served.precision}.",
        "## Use",
        f'```python\nimport glossator\n\nmodel = glossator.load("{manifest.name}")\n{_example(task)}\n```',
        "## Evaluation",
        "Measured on the served graph with the serving code. "
        + (
            "The test rows were used once, at export."
            if "test" in evaluations
            else "There are no test rows. These are the validation rows, which also chose the epoch: the figures are "
            "slightly too good."
        ),
        _demote_headings(evaluation_report(headline)),
        *(
            f"![{name} on the {headline.name} rows]({FOLDER}/{headline.name}-{name}.svg)"
            for name in draw_plots(headline)
        ),
        *(f"[Predicted and gold entities of {split} rows]({FOLDER}/{split}-entities.html)." for split in pages),
        "## Verification",
        _parity_table(manifest),
        f"Serving {manifest.served.precision}: {manifest.served.reason}.",
        *([] if manifest.cascade is None else [cascade_summary(manifest.cascade)]),
        _batching(manifest.verification.batch_difference),
        f"Before serving, the model must reproduce the answers of {manifest.verification.golden_rows} golden rows.",
        *_speed(manifest),
        *_labels(task),
        "## Limits",
        f"Texts of more than {task.encoding.max_length} tokens are read in windows that overlap by "
        f"{task.encoding.stride} tokens; nothing is cut off. The figures hold for texts like the training texts. They "
        "may be worse for other languages, later texts or other writers. The calibration error above says how far the "
        "scores can be trusted.",
        "## Provenance",
        _provenance(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def cascade_summary(cascade: CascadeRecord) -> str:
    """Describe the gate of a cascade in one paragraph."""
    return (
        f"A cascade: the fast model {cascade.model} ({cascade.algorithm}) answers if its label has a probability of at "
        f"least {cascade.threshold:.4f}, which holds for {cascade.share:.1%} of the {cascade.rows:,} validation rows. "
        f"Accuracy on these rows: {cascade.cascade_accuracy:.4f}, full model alone {cascade.full_accuracy:.4f}; "
        f"one-sided 95 % bound of the difference {cascade.low:+.4f}, margin {cascade.margin:.4f}."
    )


def _batching(difference: float) -> str:
    """Describe how far the other texts of a batch change an answer."""
    if difference == 0.0:
        return "Batching does not change the answers: measured on validation texts, all logits are equal."
    return f"Batching changes a logit by at most {difference:.3g}, measured on validation texts."


def _description(task: Task) -> str:
    """Describe what the model does in a few words."""
    if isinstance(task, TokenClassification):
        return f"Finds entities of {len(task.types)} types in a text"
    if isinstance(task, QuestionAnswering):
        return "Finds the answer to a question in a context"
    if isinstance(task, TextEmbedding):
        return f"Turns texts into vectors of {task.dimension} numbers"
    if task.problem_type == "regression":
        return (
            f"A score from {task.score_range[0]:g} to {task.score_range[1]:g} for two texts"
            if isinstance(task, TextPair)
            else "A score"
        )
    texts = "two texts" if isinstance(task, TextPair) else "a text"
    kind = "one label" if task.problem_type == "single_label_classification" else "any number of labels"
    return f"Text classification: {kind} for {texts}, from {len(task.labels)} labels"


def _example(task: Task) -> str:
    """Return lines of Python that call the model."""
    if isinstance(task, TokenClassification):
        return 'for entity in model("...").entities:\n    print(entity.label, entity.text, entity.start, entity.end)'
    if isinstance(task, QuestionAnswering):
        return 'answer = model(glossator.Pair("question", "context"))\nanswer.span'
    if isinstance(task, TextEmbedding):
        return 'model("...").vector'
    text = 'glossator.Pair("...", "...")' if isinstance(task, TextPair) else '"..."'
    shown = "answer.score" if task.problem_type == "regression" else "answer.label, answer.score"
    return f"answer = model({text})\n{shown}"


def _labels(task: Task) -> list[str]:
    names = task.types if isinstance(task, TokenClassification) else task.labels
    if not names or isinstance(task, QuestionAnswering):
        return []
    return ["## Labels", ", ".join(code_span(label) for label in names)]


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
        "different decisions",
        "metric",
        "PyTorch fp32",
        "graph",
        "texts/s",
    ]
    return markdown_table(header, rows, right=(1, 2, 3, 5, 6, 7))


def graph_name(parity: Parity) -> str:
    """Return the name of a graph in tables."""
    if parity.scheme == "fp32":
        return "fp32"
    return f"int8 {parity.scheme}" + (f", {len(parity.excluded)} inputs in fp32" if parity.excluded else "")


def _speed(manifest: Manifest) -> list[str]:
    if manifest.speed is None:
        return []
    speed = manifest.speed
    kernels = "" if speed.kernels is None else f" Int8 products: {KernelSpeed(**speed.kernels.model_dump()).summary()}."
    return [
        f"Speed at export, from text to label: {speed.texts_per_second:,.0f} texts/s ({speed.tokens_per_second:,.0f} "
        f"tokens/s) on {speed.machine}.{kernels}"
    ]


def _demote_headings(report: str) -> str:
    """Make each heading of the report one level deeper."""
    return re.sub(r"^#", "##", report, flags=re.MULTILINE).strip()


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
