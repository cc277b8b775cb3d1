"""Contrastive fine-tuning of the encoder, then a logistic head: for few rows per label.

Like SetFit (Tunstall et al. 2022), but with the supervised contrastive loss (Khosla et al. 2020): each example of a
batch gets a partner with the same label, and the loss compares each pair with all other examples of the batch. Partners
are drawn for each batch, so that the memory does not grow with the number of possible pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from glossator.training.algorithms.algorithm import Algorithm, AlgorithmOptions, TrainingContext
from glossator.training.algorithms.linear import ValidationScorer
from glossator.training.algorithms.window_vectors import (
    embed_windows,
    fit_head,
    make_pooled_model,
    open_encoder,
    set_head,
)
from glossator.training.batches import Example
from glossator.training.compute.device import Device
from glossator.training.config import Schedule
from glossator.training.objectives.objective import forward
from glossator.training.training_loop import Outcome


class FewShotOptions(AlgorithmOptions):
    """The `temperature` of the contrastive loss, and `strength`: C of the logistic head."""

    temperature: Annotated[float, Field(gt=0.0)] = 0.1
    strength: Annotated[float, Field(gt=0.0)] = 10.0


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Fit a new head after each epoch, and keep the epoch whose head is the best on the validation rows."""
    options: FewShotOptions = context.options
    encoder, task = open_encoder(context)
    model = make_pooled_model(context, encoder)
    model.classifier.requires_grad_(False)  # the head is fitted after each epoch
    sampler = _PartnerSampler(context.examples)
    windows = [example.window for example in context.examples]
    scorer = ValidationScorer(context, model)

    def loss(_: Any, batch: Sequence[Example], device: Device) -> Any:
        pairs = [*batch, *(sampler.draw_partner(example) for example in batch)]
        (vectors,) = forward(encoder, task, [example.window for example in pairs], device)  # (2 * batch, dimension)
        return contrastive_loss(vectors, [sampler.label(example) for example in pairs], options.temperature)

    def validate() -> float:
        head = fit_head(context, embed_windows(context, encoder, task, windows), options.strength)
        set_head(model, head)
        return scorer.score(head, embed_windows(context, encoder, task, scorer.windows))

    return model, context.train_model(model, loss=loss, validate=validate)


def contrastive_loss(vectors: Any, labels: Sequence[int], temperature: float) -> Any:
    """The supervised contrastive loss (Khosla et al. 2020, equation 2) of vectors `(batch, dimension)` of length 1.

    For each example: the mean over the others with its label of the negative log-softmax of their similarity among all
    other examples. The result is the mean over examples that have such others, a scalar tensor.
    """
    import torch

    label = torch.as_tensor(labels, device=vectors.device)
    itself = torch.eye(len(labels), dtype=torch.bool, device=vectors.device)
    scores = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    log_share = scores - scores.logsumexp(dim=1, keepdim=True)
    same_label = (label[:, None] == label[None, :]) & ~itself  # (batch, batch)
    partners = same_label.sum(dim=1)
    losses = -log_share.masked_fill(~same_label, 0.0).sum(dim=1) / partners.clamp(min=1)
    return losses[partners > 0].mean()


class _PartnerSampler:
    """Draws a random other example with the same label."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._by_label: dict[int, list[Example]] = defaultdict(list)
        for example in examples:
            self._by_label[self.label(example)].append(example)

    def label(self, example: Example) -> int:
        """The index of the example's label."""
        return int(example.target.argmax())

    def draw_partner(self, example: Example) -> Example:
        """Another example with the same label. Uses PyTorch's random numbers: their state is saved for resuming."""
        import torch

        same_label = self._by_label[self.label(example)]
        if len(same_label) == 1:
            return example
        drawn = same_label[int(torch.randint(len(same_label) - 1, ()))]
        return same_label[-1] if drawn is example else drawn


ALGORITHM = Algorithm(
    name="few-shot",
    summary="trains the encoder to group texts by label: for up to about 50 rows per label",
    train=train,
    multi_label=False,
    options=FewShotOptions,
    schedule=Schedule(epochs=10, batch_size=32, learning_rate=5e-5, patience=10),
)
