"""Token vectors distilled from the encoder, then fine-tuned: near an encoder's answers at a bag's price.

As Model2Vec makes them (Tulkens and van Dongen 2024): each token of the vocabulary goes through the encoder alone,
principal components leave the directions that tell tokens apart, and frequent tokens count less: `a / (a + share)`
(Arora, Liang and Ma 2017), with the shares of the training rows.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glossator.training.algorithms.algorithm import Algorithm, Run
from glossator.training.algorithms.bag import BagOptions, descend, make, occurring
from glossator.training.algorithms.bag import search as bag_search
from glossator.training.algorithms.window_vectors import open_encoder, window_vectors
from glossator.training.config import Schedule
from glossator.training.training_loop import Outcome


class StaticOptions(BagOptions):
    """Sizes of the model, and `frequency`: the share of all tokens at which a token counts half."""

    dimension: Annotated[int, Field(ge=1, le=4096)] = 256
    normalized: bool = True
    gram_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    frequency: Annotated[float, Field(gt=0.0)] = 1e-2


def train(run: Run) -> tuple[Any, Outcome]:
    """Distils the table from the encoder, then every weight of it learns that can."""
    start = distilled(run)
    outcome = descend(run, start.model)
    return start.whole(run), outcome


@dataclass(frozen=True, slots=True)
class Distilled:
    """A bag with the tokens alone that occur in the training rows: the others cannot learn, and would slow it down.
    `table` `(tokens, dimension)` and `weights` `(tokens,)` are those of all tokens before training."""

    model: Any
    tokens: list[int]
    table: NDArray[np.float32]
    weights: NDArray[np.float32]

    def whole(self, run: Run) -> Any:
        """The model with all tokens: those that occurred as they are now, the others as they came."""
        import torch

        small, whole = self.model, make(run, self.tokens, self.table.shape[1])
        whole.classifier.load_state_dict(small.classifier.state_dict())
        if small.hidden is not None:
            whole.hidden.load_state_dict(small.hidden.state_dict())
        table, rows = torch.from_numpy(self.table).clone(), small.grams.row_of[self.tokens]
        with torch.no_grad():
            none, learnt, pairs = small.table.weight.tensor_split([1, 1 + small.grams.tokens])
            table[rows > 0] = learnt[rows[rows > 0] - 1]
            whole.table.weight.copy_(torch.cat([none, table, pairs]))
            whole.weights[1 : len(table) + 1] = torch.from_numpy(self.weights)
        return whole


def distilled(run: Run) -> Distilled:
    """The model before it is trained: its vectors are the encoder's, those of pairs zero."""
    import torch

    options: StaticOptions = run.options
    started = time.monotonic()
    tokens = [token for token in range(run.base.vocabulary) if token not in run.special_tokens]
    table = token_vectors(run, tokens)
    table = principal(table, min(options.dimension, table.shape[1]))
    weights = frequency_weights(run, tokens, options.frequency)
    own = occurring(run)
    model = make(run, own, table.shape[1])
    place = {token: index for index, token in enumerate(tokens)}
    rows = [place[token] for token in own]
    with torch.no_grad():
        model.table.weight.zero_()
        model.table.weight[1 : len(rows) + 1].copy_(torch.from_numpy(table[rows]))
        model.weights[1 : len(rows) + 1].copy_(torch.from_numpy(weights[rows]))
    run.progress.stage(f"distilled {len(tokens):,} token vectors in {time.monotonic() - started:.0f} s")
    return Distilled(model, tokens, table, weights)


def token_vectors(run: Run, tokens: list[int]) -> NDArray[np.float32]:
    """What the encoder makes of each token alone, `(tokens, hidden)`."""
    encoder, task = open_encoder(run)
    begin, end = _frame(run)
    run.progress.stage(f"vectors of {len(tokens):,} tokens")
    return window_vectors(run, encoder, task, [[*begin, token, *end] for token in tokens])


def _frame(run: Run) -> tuple[list[int], list[int]]:
    """The special tokens before and behind a text, as the tokenizer puts them."""
    window = next(each.window for each in run.examples if set(each.window) - run.special_tokens)
    inside = [place for place, token in enumerate(window) if token not in run.special_tokens]
    return window[: inside[0]], window[inside[-1] + 1 :]


def principal(table: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """The table on its first principal components, `(rows, dimension)`; rows have length 1 on average."""
    from sklearn.decomposition import PCA

    reduced = PCA(dimension, random_state=0, svd_solver="full").fit_transform(table)
    return np.asarray(reduced / np.linalg.norm(reduced, axis=1).mean(), dtype=np.float32)


def frequency_weights(run: Run, tokens: list[int], half: float) -> NDArray[np.float32]:
    """How much each token counts, `(tokens,)`: `half / (half + its share of the training rows' tokens)`."""
    counts = Counter(token for example in run.examples for token in example.window)
    occurs = np.array([counts[token] for token in tokens], dtype=np.float64)
    share = occurs / max(1.0, occurs.sum())
    return np.asarray(half / (half + share), dtype=np.float32)


def search(trial: Any) -> dict[str, Any]:
    """What is worth trying."""
    return bag_search(trial) | {"frequency": trial.suggest_float("frequency", 1e-3, 1e-1, log=True)}


ALGORITHM = Algorithm(
    name="static",
    summary="token vectors distilled from the encoder, fine-tuned: many times its speed, a few points below it",
    train=train,
    options=StaticOptions,
    schedule=Schedule(epochs=15, batch_size=64, learning_rate=1e-3, head_learning_rate_factor=10.0, patience=6),
    search=search,
)
