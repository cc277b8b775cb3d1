"""Token vectors distilled from the encoder, then fine-tuned: nearly an encoder's accuracy at the speed of a bag.

Like Model2Vec (Tulkens and van Dongen 2024): the encoder embeds each token of the vocabulary by itself, the vectors are
reduced to their principal components, and frequent tokens get a smaller weight, `a / (a + share)` (Arora, Liang and Ma
2017), where `share` is the token's share of all tokens of the training rows.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glossator.training.algorithms import bag
from glossator.training.algorithms.algorithm import Algorithm, TrainingContext
from glossator.training.algorithms.bag import BagOptions, make_bag, train_bag, training_tokens
from glossator.training.algorithms.window_vectors import embed_windows, open_encoder
from glossator.training.config import Schedule
from glossator.training.training_loop import Outcome


class StaticOptions(BagOptions):
    """Sizes of the model, and `frequency`: the share of all tokens at which a token has the weight 0.5."""

    dimension: Annotated[int, Field(ge=1, le=4096)] = 256
    normalized: bool = True
    gram_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    frequency: Annotated[float, Field(gt=0.0)] = 1e-2


def train(context: TrainingContext) -> tuple[Any, Outcome]:
    """Distil token vectors from the encoder, then fine-tune those of tokens that occur in the training rows."""
    distilled = distil_bag(context)
    outcome = train_bag(context, distilled.model)
    return distilled.with_all_tokens(context), outcome


@dataclass(frozen=True, slots=True)
class DistilledBag:
    """A bag that can be trained, and the distilled vectors of the whole vocabulary.

    The bag has only the tokens that occur in the training rows: the vectors of all other tokens do not change in
    training, and would slow it down.
    """

    model: Any
    tokens: list[int]
    """The vocabulary without special tokens."""
    table: NDArray[np.float32]
    """The vectors of `tokens` before training, `(tokens, dimension)`."""
    weights: NDArray[np.float32]
    """The weights of `tokens`, `(tokens,)`."""

    def with_all_tokens(self, context: TrainingContext) -> Any:
        """A bag with all tokens: the trained vectors of those that occur, the distilled vectors of the others."""
        import torch

        small, whole = self.model, make_bag(context, self.tokens, self.table.shape[1])
        whole.classifier.load_state_dict(small.classifier.state_dict())
        if small.hidden is not None:
            whole.hidden.load_state_dict(small.hidden.state_dict())
        table, rows = torch.from_numpy(self.table).clone(), small.grams.row_of[self.tokens]
        with torch.no_grad():
            none, trained, pairs = small.table.weight.tensor_split([1, 1 + small.grams.tokens])
            table[rows > 0] = trained[rows[rows > 0] - 1]
            whole.table.weight.copy_(torch.cat([none, table, pairs]))
            whole.weights[1 : len(table) + 1] = torch.from_numpy(self.weights)
        return whole


def distil_bag(context: TrainingContext) -> DistilledBag:
    """A bag with the distilled vectors of its tokens, and zero vectors for pairs, before training."""
    import torch

    options: StaticOptions = context.options
    started = time.monotonic()
    tokens = [token for token in range(context.base.vocabulary) if token not in context.special_tokens]
    table = embed_tokens(context, tokens)
    table = reduce_dimension(table, min(options.dimension, table.shape[1]))
    weights = frequency_weights(context, tokens, options.frequency)
    occurring = training_tokens(context)
    model = make_bag(context, occurring, table.shape[1])
    row_of = {token: row for row, token in enumerate(tokens)}
    rows = [row_of[token] for token in occurring]
    with torch.no_grad():
        model.table.weight.zero_()
        model.table.weight[1 : len(rows) + 1].copy_(torch.from_numpy(table[rows]))
        model.weights[1 : len(rows) + 1].copy_(torch.from_numpy(weights[rows]))
    context.progress.stage(f"distilled {len(tokens):,} token vectors in {time.monotonic() - started:.0f} s")
    return DistilledBag(model, tokens, table, weights)


def embed_tokens(context: TrainingContext, tokens: list[int]) -> NDArray[np.float32]:
    """The encoder's vector of each token by itself, `(tokens, hidden)`."""
    encoder, task = open_encoder(context)
    begin, end = _special_tokens_around(context)
    context.progress.stage(f"computing the vectors of {len(tokens):,} tokens")
    return embed_windows(context, encoder, task, [[*begin, token, *end] for token in tokens])


def _special_tokens_around(context: TrainingContext) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before and after a text."""
    window = next(each.window for each in context.examples if set(each.window) - context.special_tokens)
    inside = [index for index, token in enumerate(window) if token not in context.special_tokens]
    return window[: inside[0]], window[inside[-1] + 1 :]


def reduce_dimension(table: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """The first principal components of a table, `(rows, dimension)`, scaled so that rows have length 1 on average."""
    from sklearn.decomposition import PCA

    reduced = PCA(dimension, random_state=0, svd_solver="full").fit_transform(table)
    return np.asarray(reduced / np.linalg.norm(reduced, axis=1).mean(), dtype=np.float32)


def frequency_weights(context: TrainingContext, tokens: list[int], half: float) -> NDArray[np.float32]:
    """The weight of each token, `(tokens,)`: `half / (half + share of all tokens in the training rows)`."""
    counts = Counter(token for example in context.examples for token in example.window)
    frequency = np.array([counts[token] for token in tokens], dtype=np.float64)
    share = frequency / max(1.0, frequency.sum())
    return np.asarray(half / (half + share), dtype=np.float32)


def suggest_options(trial: Any) -> dict[str, Any]:
    """Values to try in a hyperparameter search."""
    return bag.suggest_options(trial) | {"frequency": trial.suggest_float("frequency", 1e-3, 1e-1, log=True)}


ALGORITHM = Algorithm(
    name="static",
    summary="token vectors distilled from the encoder and fine-tuned: many times faster, a few points less accurate",
    train=train,
    options=StaticOptions,
    schedule=Schedule(epochs=15, batch_size=64, learning_rate=1e-3, head_learning_rate_factor=10.0, patience=6),
    search=suggest_options,
)
