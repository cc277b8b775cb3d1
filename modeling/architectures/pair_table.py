"""A table that maps pairs of numbers to a number, looked up with tensor operations only, so that it exports to ONNX.

A hash table with linear probing (Knuth, The Art of Computer Programming, 6.4). Every pair is found within `probes`
steps, so a lookup has no loop.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

ABSENT = 0
"""The value of pairs that are not in the table."""
FACTORS = 1_000_003, 8_191
_LOAD = 0.25
"""The share of slots in use: at a quarter, a million pairs take about ten probes."""


class PairTable(torch.nn.Module):
    """Looks up pairs of numbers below 2^31.

    `pairs` `(slots, 2)` holds the pair in each slot, -1 in free ones; `values` `(slots,)` their numbers.
    """

    pairs: torch.Tensor
    values: torch.Tensor

    def __init__(self, slots: int, probes: int) -> None:
        super().__init__()
        self.slots = slots
        self.probes = probes
        self.register_buffer("pairs", torch.full((slots, 2), -1, dtype=torch.int64))
        self.register_buffer("values", torch.full((slots,), ABSENT, dtype=torch.int64))

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the value of each pair, in the shape of `first` and `second`; ABSENT if there is none."""
        home = (first * FACTORS[0] + second * FACTORS[1]) % self.slots
        slots = (home.unsqueeze(-1) + torch.arange(self.probes)) % self.slots  # (..., probes)
        held = self.pairs[slots]  # (..., probes, 2)
        same = (held[..., 0] == first.unsqueeze(-1)) & (held[..., 1] == second.unsqueeze(-1))
        return (self.values[slots] * same).sum(dim=-1)


def build_pair_table(pairs: NDArray[np.int64], values: NDArray[np.int64]) -> PairTable:
    """Return the table of distinct `pairs` `(count, 2)` with their `values` `(count,)`, none of which is ABSENT."""
    slots = 1 << max(4, int(np.ceil(len(pairs) / _LOAD)).bit_length())
    home = (pairs[:, 0] * FACTORS[0] + pairs[:, 1] * FACTORS[1]) % slots
    holder = np.full(slots, -1, dtype=np.int64)  # which pair is in each slot
    waiting, probes = np.arange(len(pairs)), 0
    while len(waiting):
        wanted = (home[waiting] + probes) % slots
        free = holder[wanted] < 0
        placed, first = np.unique(wanted[free], return_index=True)
        holder[placed] = waiting[free][first]
        waiting = waiting[holder[wanted] != waiting]
        probes += 1
    table = PairTable(slots, max(1, probes))
    used = np.flatnonzero(holder >= 0)
    table.pairs[used] = torch.from_numpy(pairs[holder[used]])
    table.values[used] = torch.from_numpy(values[holder[used]])
    return table
