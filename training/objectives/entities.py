"""The objective of entities: cross-entropy over the tags of the first token of each word.

The other tokens of a word are ignored, because the decoder reads the first only. Spans are aligned with the words of
the tokenizer: one that starts or ends inside a word is extended to whole words for training, and reported as a finding.
Validation uses the original span.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.evaluation.metrics.task_metrics import predict_rows, task_metrics
from glossator.modeling.labelled_rows import GoldSpan, LabelledRows, Spans, inputs_of
from glossator.service.bundle.task import OUTSIDE, Task, TokenClassification
from glossator.service.errors import shorten
from glossator.service.inference.pipeline import Pipeline
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.options import DEFAULTS
from glossator.service.tasks.token_classification import Decoder, Entities, stitch_tokens
from glossator.training.batches import Example
from glossator.training.compute.device import Device
from glossator.training.corpus.finding import EXAMPLES, Finding
from glossator.training.objectives.objective import forward

OUTSIDE_BIASES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
"""The values that calibration tries for the bias against `O`, in logits."""
IGNORED = -100
"""The target of tokens that the loss ignores, as in PyTorch."""


class EntityObjective:
    """Entities in texts."""

    metric = "f1"

    def __init__(self, task: TokenClassification) -> None:
        self._task = task

    def examples(self, encoded: Sequence[EncodedText], rows: LabelledRows) -> tuple[list[Example], list[Finding]]:
        """Every window with the tags of its tokens, `(seq,)`."""
        assert rows.spans is not None
        made = []
        examples: list[str] = []
        for row, (text, spans) in enumerate(zip(encoded, rows.spans, strict=True)):
            targets, misfits = tag_windows(text, spans, self._task)
            examples += [f"'{shorten(text.text[span.start : span.end], 40)}' in row {row + 1}" for span in misfits]
            made += [
                Example(window, row, 1.0 / len(text.windows), target)
                for window, target in zip(text.windows, targets, strict=True)
            ]
        if not examples:
            return made, []
        total = sum(len(spans) for spans in rows.spans)
        done = "extended to whole words for training; validation and test use the original spans"
        found = Finding(
            "spans-within-words", len(examples), len(examples) / max(1, total), tuple(examples[:EXAMPLES]), done
        )
        return made, [found]

    def loss(self, model: Any, batch: Sequence[Example], device: Device) -> Any:
        """The mean loss over the words of a batch."""
        import torch
        from torch.nn import functional

        (logits,) = forward(model, self._task, [example.window for example in batch], device)  # (batch, seq, tags)
        gold = np.full(logits.shape[:2], IGNORED, dtype=np.int64)  # (batch, seq)
        for row, example in enumerate(batch):
            gold[row, : len(example.target)] = example.target
        targets = torch.from_numpy(gold).to(device.name)
        losses = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none", ignore_index=IGNORED)
        return losses.sum() / (targets != IGNORED).sum().clamp(min=1)

    def validate(self, pipeline: Pipeline, rows: LabelledRows) -> float:
        """Strict F1 of entities."""
        encoded = pipeline.encode_all(inputs_of(rows, pipeline.task))
        pooled = pipeline.pooled_outputs(encoded)
        if not all(np.isfinite(each).all() for each in pooled):
            return math.nan
        answers = predict_rows(pipeline, rows)
        return float(task_metrics(rows, answers, self._task).functions["f1"](np.ones((1, len(rows))))[0])

    def calibrate(self, pipeline: Pipeline, rows: LabelledRows) -> Task:
        """The task with the bias against `O` that has the highest strict F1; of equally good ones the smallest."""
        encoded = pipeline.encode_all(inputs_of(rows, self._task))
        pooled = pipeline.pooled_outputs(encoded)
        best, chosen = -1.0, self._task
        for bias in OUTSIDE_BIASES:
            task = self._task.model_copy(update={"outside_bias": bias})
            answers = Decoder(task).decode(encoded, pooled, DEFAULTS)
            value = float(task_metrics(rows, answers, task).functions["f1"](np.ones((1, len(rows))))[0])
            if value > best:
                best, chosen = value, task
        return chosen

    def confidence(self, pipeline: Pipeline, rows: LabelledRows) -> NDArray[np.float64]:
        """The mean score of the entities of each row, 1 for a row without entities."""
        answers = predict_rows(pipeline, rows)
        found = [each.entities for each in answers if isinstance(each, Entities)]
        return np.array([float(np.mean([entity.score for entity in each])) if each else 1.0 for each in found])


def tag_windows(
    text: EncodedText, spans: Spans, task: TokenClassification
) -> tuple[list[NDArray[np.int64]], list[GoldSpan]]:
    """The tags of the tokens of each window, `(seq,)`, and the spans that start or end inside a word.

    Tokens other than the first of a word have the tag IGNORED.
    """
    tokens = stitch_tokens(text)
    words, first = np.unique(tokens.words, return_index=True)
    starts = tokens.offsets[first, 0]  # (words,)
    last = np.append(first[1:], len(tokens.words)) - 1
    ends = tokens.offsets[last, 1]  # (words,)
    index = {label: number for number, label in enumerate(task.labels)}
    tags = np.full(len(words), index[OUTSIDE], dtype=np.int64)
    misfits = []
    for span in spans:
        covered = np.flatnonzero((ends > span.start) & (starts < span.end))
        if not len(covered):
            misfits.append(span)  # the tokenizer drops these characters
            continue
        if starts[covered[0]] != span.start or ends[covered[-1]] != span.end:
            misfits.append(span)
        tags[covered] = index[f"I-{span.label}"]
        tags[covered[0]] = index[f"B-{span.label}"]
    tag_of = dict(zip(words.tolist(), tags.tolist(), strict=True))
    start_of = dict(zip(words.tolist(), starts.tolist(), strict=True))
    targets = []
    for alignment in text.alignment:
        target = np.full(len(alignment.words), IGNORED, dtype=np.int64)
        before = -1
        for position in alignment.inside.tolist():
            word = int(alignment.words[position])
            if word != before and alignment.offsets[position, 0] == start_of[word]:  # else the window begins inside it
                target[position] = tag_of[word]
            before = word
        targets.append(target)
    return targets, misfits
