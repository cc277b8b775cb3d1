"""The model card of a bundle, in the form of Hugging Face. Every number comes from the manifest or the evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from glossator.evaluation.analysis.leakage import RowLeakage
from glossator.evaluation.markdown import code_span, markdown_table
from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.metrics.evaluate import AnyEvaluation
from glossator.evaluation.reports.builders.evaluation import build_evaluation_report
from glossator.evaluation.reports.cautions import leakage_line
from glossator.evaluation.reports.document.report_page import report_page
from glossator.evaluation.reports.evaluation_files import draw_plots, evaluation_json
from glossator.evaluation.reports.evaluation_report import evaluation_report
from glossator.export.model_origin import IMPORTED, base_line, base_model_of, describe_origin
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import CascadeRecord, Manifest, Parity, Verification
from glossator.service.bundle.task import (
    Classifier,
    QuestionAnswering,
    Task,
    TextEmbedding,
    TextPair,
    TokenClassification,
)
from glossator.service.files.report_metadata import ReportMetadata
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
    folder: Path,
    manifest: Manifest,
    evaluations: Mapping[str, AnyEvaluation],
    pages: Mapping[str, str] | None = None,
    leakage: RowLeakage | None = None,
    licence: str | None = None,
) -> None:
    """Write the model card, and each evaluation as JSON, as a report and as plots in `evaluation/`.

    `pages`: HTML pages with entities, by split. `leakage`: the test rows that the model has seen. `licence`: its
    identifier on the hub.
    """
    pages = pages or {}
    (folder / FOLDER).mkdir()
    plots: dict[str, list[str]] = {}
    for split, evaluation in evaluations.items():
        (folder / FOLDER / f"{split}.json").write_text(evaluation_json(evaluation), encoding="utf-8")
        drawn = draw_plots(evaluation)
        for name, plot in drawn.items():
            (folder / FOLDER / f"{split}-{name}.svg").write_text(plot, encoding="utf-8")
        plots[split] = list(drawn)
        report = _report(manifest, evaluation, drawn, leakage if split == "test" else None)
        (folder / FOLDER / f"{split}-report.html").write_text(report, encoding="utf-8")
    for split, page in pages.items():
        (folder / FOLDER / f"{split}-entities.html").write_text(page, encoding="utf-8")
    (folder / file_names.CARD).write_text(
        _card(manifest, evaluations, plots, pages, leakage, licence), encoding="utf-8"
    )


def _report(manifest: Manifest, evaluation: AnyEvaluation, plots: Mapping[str, str], leakage: RowLeakage | None) -> str:
    """Return the report of an evaluation as a page of HTML."""
    about = ReportMetadata(
        kind="evaluation",
        title=f"{manifest.name} on {evaluation.name} rows",
        model=manifest.name,
        data=f"{evaluation.name} ({evaluation.rows:,} rows)",
        created=manifest.task.provenance.created,
        run=manifest.task.provenance.run or "",
    )
    return report_page(build_evaluation_report(evaluation, about, plots=plots, leakage=leakage))


def _card(
    manifest: Manifest,
    evaluations: Mapping[str, AnyEvaluation],
    plots: Mapping[str, Sequence[str]],
    pages: Iterable[str],
    leakage: RowLeakage | None,
    licence: str | None,
) -> str:
    task, provenance = manifest.task, manifest.task.provenance
    headline = evaluations.get("test") or evaluations.get("validation")
    parts = [
        _front_matter(manifest, headline, licence),
        f"# {manifest.name}",
        f"{_description(task)}. {describe_origin(provenance)}. {_served(manifest)}",
        "## Use",
        f'```python\nimport glossator\n\nmodel = glossator.load("{manifest.name}")\n{_example(task)}\n```',
        "## Evaluation",
        *([] if leakage is None else filter(None, [leakage_line(leakage)])),
        *(
            [unmeasured(manifest.verification)]
            if headline is None
            else _evaluation(headline, plots[headline.name], has_test="test" in evaluations)
        ),
        *(f"[Predicted and gold entities of {split} rows]({FOLDER}/{split}-entities.html)." for split in pages),
        "## Verification",
        *([] if manifest.backbone is not None else [_parity_table(manifest)]),
        f"Serving {manifest.served.precision}: {manifest.served.reason}.",
        *([] if manifest.cascade is None else [cascade_summary(manifest.cascade)]),
        _batching(manifest),
        f"Before serving, the model must reproduce the answers of {manifest.verification.golden_rows} golden rows.",
        *_scope(task),
        *_speed(manifest),
        *_labels(task),
        "## Limits",
        f"Texts of more than {task.encoding.max_length} tokens are read in windows that overlap by "
        f"{task.encoding.stride} tokens; nothing is cut off."
        + (
            ""
            if headline is None
            else " The figures hold for texts like the training texts. They may be worse for other languages, later "
            "texts or other writers."
        )
        + (
            " The calibration error above says how far the scores can be trusted."
            if isinstance(headline, Evaluation)
            else ""
        ),
        "## Provenance",
        _provenance(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def unmeasured(verification: Verification) -> str:
    """Say that nothing is known about the accuracy of the model, and on what the graph was compared with its source."""
    texts = verification.evidence == "texts"
    compared = "texts of yours, without labels" if texts else "texts that Glossator brings along"
    return (
        "**Not measured on your data.** There were no labelled rows: the graph was compared with "
        f"{verification.reference} on {compared}. How often the answers are right is not known. Import the model "
        "again with `--data LABELLED` to measure and calibrate it."
    )


def _evaluation(headline: AnyEvaluation, plots: Sequence[str], *, has_test: bool) -> list[str]:
    return [
        "Measured on the served graph with the serving code. "
        + (
            "The test rows were used once, at export."
            if has_test
            else "There are no test rows. These are the validation rows, by which training also made its choices: the "
            "figures are slightly too good."
        ),
        _demote_headings(evaluation_report(headline)),
        *(f"![{name} on the {headline.name} rows]({FOLDER}/{headline.name}-{name}.svg)" for name in plots),
    ]


def cascade_summary(cascade: CascadeRecord) -> str:
    """Describe the gate of a cascade in one paragraph."""
    return (
        f"A cascade: the fast model {cascade.model} ({cascade.algorithm}) answers if its label has a probability of at "
        f"least {cascade.threshold:.4f}, which holds for {cascade.share:.1%} of the {cascade.rows:,} validation rows. "
        f"Accuracy on these rows: {cascade.cascade_accuracy:.4f}, full model alone {cascade.full_accuracy:.4f}; "
        f"one-sided 95 % bound of the difference {cascade.low:+.4f}, margin {cascade.margin:.4f}."
    )


def _served(manifest: Manifest) -> str:
    """Say what computes the answers."""
    if manifest.backbone is None:
        return f"Served as an ONNX graph in {manifest.served.precision}."
    version = f"{manifest.backbone.name}@{manifest.backbone.digest[:12]}"
    return f"Served with the bundle {code_span(version)}, its backbone, which is needed to load it."


def _batching(manifest: Manifest) -> str:
    """Describe how far the other texts of a batch change an answer."""
    difference = manifest.verification.batch_difference
    if difference == 0.0:
        return "Batching does not change the answers: measured on validation texts, all logits are equal."
    described = f"Batching changes a logit by at most {difference:.3g}, measured on validation texts."
    flips = manifest.verification.batch_flips(manifest.served.scheme)
    if flips is None:
        return described
    decisions = f"the decision of {flips:,} of them" if flips else "no decision"
    return f"{described} This is the int8 graph of the model's source: batching changed {decisions}."


def _scope(task: Task) -> list[str]:
    """Describe when a text is out of scope."""
    limit = task.calibration.out_of_scope if isinstance(task, Classifier) else None
    if limit is None:
        return []
    return [
        "## Out-of-scope texts",
        f"An answer says `out_of_scope` if the probability of its label is below {limit.threshold:.4f}. The limit was "
        f"fitted on {limit.rows:,} validation rows so that at most {limit.refused:.1%} of texts like these are called "
        "out of scope. How many out-of-scope texts that finds depends on how similar they are to the others.",
    ]


def _description(task: Task) -> str:
    """Describe what the model does in a few words."""
    if isinstance(task, TokenClassification):
        return f"Finds entities of {len(task.types)} types in a text"
    if isinstance(task, QuestionAnswering):
        return "Finds the answer to a question in a context"
    if isinstance(task, TextEmbedding):
        prompt = f". Every text is read with {code_span(task.prompt)} before it" if task.prompt else ""
        return f"Turns texts into vectors of {task.dimension} numbers{prompt}"
    texts = "two texts" if isinstance(task, TextPair) else "a text"
    if task.problem_type == "regression":
        limits = task.score_range
        return f"A score {'' if limits is None else f'from {limits[0]:g} to {limits[1]:g} '}for {texts}"
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


def _front_matter(manifest: Manifest, evaluation: AnyEvaluation | None, licence: str | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=_PIPELINE_TAGS[manifest.task.task],
            dataset_type="private",
            dataset_name=f"corpus {manifest.task.provenance.corpus_fingerprint[:12]}",
            dataset_split="" if evaluation is None else evaluation.name,
            metric_type=_HUGGING_FACE_METRICS[name],
            metric_name=name,
            metric_value=round(estimate.value, 6),
        )
        for name, estimate in ({} if evaluation is None else evaluation.metrics).items()
        if name in _HUGGING_FACE_METRICS
    ]
    data = ModelCardData(
        base_model=base_model_of(manifest.task.provenance),
        library_name="onnx",
        license=licence,
        metrics=sorted({result.metric_type for result in results}) or None,
        pipeline_tag=_PIPELINE_TAGS[manifest.task.task],
        tags=["glossator", "onnx", "transformers.js", manifest.served.precision],
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
        f"{manifest.verification.reference} fp32",
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
    if provenance.algorithm == IMPORTED:
        made = [base_line(provenance), f"- imported: {provenance.created} ({options})"]
    else:
        run = f", run `{provenance.run}`" if provenance.run else ""
        made = [
            f"- corpus fingerprint: `{provenance.corpus_fingerprint}`",
            base_line(provenance),
            f"- algorithm: {provenance.algorithm} ({options}), seed {provenance.seed}",
            f"- trained: {provenance.created}{run}",
        ]
    return "\n".join([*made, f"- versions: {versions}"])
