"""Trains only the rows of the embedding table that the training examples use.

A multilingual encoder has 250,000 rows, of which a corpus uses a few thousand. The gradient of every other row is zero,
but the optimiser keeps moments for it, and each step reads and writes all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class UsedEmbeddings:
    """The table of a model, with only the rows of some tokens in its place during training.

    Other rows keep their values. A model without an input embedding of its own stays as it is.
    """

    def __init__(self, model: Any, windows: Iterable[Sequence[int]], pad_token_id: int) -> None:
        """Put the rows of the tokens of `windows` and of the padding in place of the table of `model`."""
        self._model = model
        self._whole = self._rows = None
        table = _trainable_table(model)
        if table is None:
            return
        others = (table.padding_idx, getattr(model.config, "pad_token_id", None))
        always = {pad_token_id, *(each for each in others if each is not None)}
        used = sorted(always.union(*windows))
        if len(used) < table.num_embeddings:
            self._whole, self._rows = table, _rows_of(table, used)
            model.set_input_embeddings(self._rows)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Within this context the model has the whole table, with the trained rows."""
        if self._whole is None:
            yield
            return
        self.restore()
        try:
            yield
        finally:
            self._model.set_input_embeddings(self._rows)

    def restore(self) -> None:
        """Give the model its whole table again, with the trained rows."""
        import torch

        if self._whole is None or self._rows is None:
            return
        with torch.no_grad():
            self._whole.weight[self._rows.tokens] = self._rows.weight
        self._model.set_input_embeddings(self._whole)


def _trainable_table(model: Any) -> Any:
    """The token embedding of the model, or None if it has none of the usual kind, or if it is not trained."""
    import torch

    try:
        table = model.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    is_usual = type(table) is torch.nn.Embedding and table.max_norm is None and not table.scale_grad_by_freq
    return table if is_usual and table.weight.requires_grad else None


def _rows_of(table: Any, used: Sequence[int]) -> Any:
    """A module that looks up token ids like `table`, and has only the rows of `used`, in ascending order."""
    import torch

    class EmbeddingRows(torch.nn.Module):
        """`weight`: the rows of `tokens`. `row_of`: the row of each token of the vocabulary, -1 without one."""

        def __init__(self) -> None:
            super().__init__()
            device = table.weight.device
            self.tokens = torch.tensor(used, device=device)
            self.row_of = torch.full((table.num_embeddings,), -1, device=device)
            self.row_of[self.tokens] = torch.arange(len(used), device=device)
            self.weight = torch.nn.Parameter(table.weight.detach()[self.tokens].clone())
            self.padding_idx = None if table.padding_idx is None else int(self.row_of[table.padding_idx])

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            """The vectors of token ids, each of which has a row."""
            return torch.nn.functional.embedding(self.row_of[input_ids], self.weight, self.padding_idx)

    return EmbeddingRows()
