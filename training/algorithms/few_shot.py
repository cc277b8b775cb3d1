"""Contrastive fine-tuning of the encoder, then a logistic head: for a handful of rows a class.

In the manner of SetFit (Tunstall et al. 2022), with the supervised contrastive loss (Khosla et al. 2020) in the place
of its pairs: each example of a batch draws another of its label, and all others of the batch stand against the two.
Pairs are drawn as they are needed and never listed, so that memory does not grow with their square.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from glossator.service.bundle.task import StrictModel
from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.algorithms.linear import Held
from glossator.training.algorithms.window_vectors import fit_head, open_encoder, put_head, window_vectors
from glossator.training.batches import Example
from glossator.training.config import Schedule
from glossator.training.device import Device
from glossator.training.objectives.objective import forward
from glossator.training.training_loop import Outcome


class FewShotOptions(StrictModel):
    """`temperature` of the contrastive loss, and the `strength` C of the head."""

    temperature: Annotated[float, Field(gt=0.0)] = 0.1
    strength: Annotated[float, Field(gt=0.0)] = 10.0


def train(run: Run) -> tuple[Any, Outcome]:
    """A new head is fitted after each epoch; the epoch whose head does best on the validation rows is kept."""
    from glossator.modeling.architectures.pooled import PooledConfig, PooledModel

    options: FewShotOptions = run.options
    encoder, task = open_encoder(run)
    model = PooledModel(PooledConfig(encoder=encoder.config, **run.model_settings()), encoder)
    model.classifier.requires_grad_(False)  # it is fitted, not trained
    draws = _Draws(run.examples)
    windows, held = [example.window for example in run.examples], Held(run, model)

    def loss(_: Any, batch: Sequence[Example], device: Device) -> Any:
        drawn = [*batch, *(draws.another(example) for example in batch)]
        (vectors,) = forward(encoder, task, [example.window for example in drawn], device)
        return contrastive(vectors, [draws.label(example) for example in drawn], options.temperature)

    def validate() -> float:
        head = fit_head(run, window_vectors(run, encoder, task, windows), options.strength)
        put_head(model, head)
        return held.score(head, window_vectors(run, encoder, task, held.windows))

    return model, run.descend(model, loss=loss, validate=validate)


def contrastive(vectors: Any, labels: Sequence[int], temperature: float) -> Any:
    """The supervised contrastive loss of vectors `(batch, dimension)` of length 1, a scalar tensor: for each the mean,
    over the others of its label, of the negative log of the share of its similarity to that one among all others."""
    import torch

    label = torch.as_tensor(labels, device=vectors.device)
    itself = torch.eye(len(labels), dtype=torch.bool, device=vectors.device)
    scores = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    log_share = scores - scores.logsumexp(dim=1, keepdim=True)
    alike = (label[:, None] == label[None, :]) & ~itself
    partners = alike.sum(dim=1)
    each = -log_share.masked_fill(~alike, 0.0).sum(dim=1) / partners.clamp(min=1)
    return each[partners > 0].mean()


class _Draws:
    """Examples by their label."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._of: dict[int, list[Example]] = defaultdict(list)
        for example in examples:
            self._of[self.label(example)].append(example)

    def label(self, example: Example) -> int:
        return int(example.target.argmax())

    def another(self, example: Example) -> Example:
        """Another example of the same label, by PyTorch's random numbers, which a killed run resumes."""
        import torch

        alike = self._of[self.label(example)]
        if len(alike) == 1:
            return example
        found = alike[int(torch.randint(len(alike) - 1, ()))]
        return alike[-1] if found is example else found


ALGORITHM = Algorithm(
    name="few-shot",
    summary="the encoder learns which texts belong together: for up to about 50 rows a class",
    train=train,
    multi_label=False,
    options=FewShotOptions,
    schedule=Schedule(epochs=10, batch_size=32, learning_rate=5e-5, patience=10),
)
