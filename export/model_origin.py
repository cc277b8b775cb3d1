"""Says in one sentence how a model was made: what an algorithm trains, and which weights it starts from."""

from __future__ import annotations

from glossator.service.bundle.task import Provenance

_FROM_BASE_WEIGHTS = {
    "finetune": "Fine-tuned from {base}",
    "lora": "Fine-tuned from {base} with low-rank adapters, which are merged into the weights",
    "few-shot": "{base}, fine-tuned to group texts by label, with a logistic head",
    "head": "A logistic head on the vectors of the bundle {base}",
    "frozen": "A logistic head on the unchanged encoder {base}",
    "static": "A classifier on token vectors that were distilled from {base} and fine-tuned",
    "distil": "A small student with weights of {base}, trained on the answers of {teacher},",
}
"""Algorithms whose models have weights that come from the base model."""
_FROM_SCRATCH = {
    "majority": "A baseline: it answers with the frequencies of the training labels, whatever the text, computed",
    "tfidf": "A linear support vector machine on TF-IDF features of the text, with the tokenizer of {base}, trained",
    "bag": "A linear classifier on the mean of token vectors, with the tokenizer of {base}, trained from scratch",
}
"""Algorithms that use the tokenizer of the base model only."""


IMPORTED = "imported"
"""The algorithm of models that were trained elsewhere."""


def describe_origin(provenance: Provenance) -> str:
    """Return how the model was made, and on how many rows."""
    if provenance.algorithm == IMPORTED:
        return f"Imported from {provenance.base_model}, which was trained elsewhere"
    known = _FROM_BASE_WEIGHTS | _FROM_SCRATCH
    sentence = known.get(provenance.algorithm, "Trained by the algorithm {algorithm} with the base model {base}")
    made = sentence.format(
        base=provenance.base_model,
        algorithm=provenance.algorithm,
        teacher=provenance.config.get("teacher") or "a teacher",
    )
    return f"{made} on {provenance.corpus_rows:,} rows"


def base_model_of(provenance: Provenance) -> str | None:
    """Return the hub name of the model whose weights this one continues; None if there is none."""
    derived = provenance.algorithm in _FROM_BASE_WEIGHTS or provenance.algorithm == IMPORTED
    return provenance.base_model if derived and "/" in provenance.base_model else None


def base_line(provenance: Provenance) -> str:
    """Return the line of the card about the base model."""
    if provenance.algorithm == IMPORTED:
        return f"- model: `{provenance.base_model}`, revision `{provenance.base_revision}`"
    if provenance.algorithm in _FROM_SCRATCH:
        return f"- tokenizer: of `{provenance.base_model}`, revision `{provenance.base_revision}`; none of its weights"
    return f"- base model: `{provenance.base_model}`, revision `{provenance.base_revision}`"
