"""Efficiency of labelling in parts on 1 to 1,000 nodes: a simulation with the measured costs of one machine.

    python -m benchmarks.speed.cluster_simulation [--rows 1000000000] [--seeds 3]

No such cluster was measured. The simulation follows the rules of the driver and its actors event by event: a free node
gets the next part; a lost part is repeated; when no part is waiting, free nodes repeat the parts that have run longest,
and the first result counts. The driver handles one message after the other and runs on a machine of its own.

The costs of a row, a part and a message of the driver are those of the newest result of `benchmarks.speed.partitions`.
`Conditions` states what was not measured: the latency and bandwidth of the store, and how often nodes fail or are slow.

The efficiency is the time that the rows take on one CPU, divided by the time of all nodes. The rest is reported by its
cause. Writes benchmarks/results/cluster_simulation/.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from benchmarks.common import texts as texts_of
from benchmarks.common.results import ROOT, read_newest, write_result
from glossator.evaluation.markdown import markdown_table

NODES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
PART_MB = (64, 16, 4)
GOAL = 0.92
SLOW_DRIVER = 0.01
"""Seconds a part of a driver that is much slower than the measured one."""
CAUSES = {
    "start": "start of workers",
    "driver": "waiting for the driver",
    "store": "the store",
    "part": "costs of a part",
    "slow": "slow nodes and variation",
    "failures": "failures",
    "tail": "the last parts",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is assumed of the cluster and the store."""

    latency: float = 0.1
    """Seconds of a request."""
    requests: int = 5
    """Of a part: its state before and after, its rows, its output, its record."""
    bandwidth: float = 50e6
    """Bytes per second between the store and a node."""
    written: float = 2.0
    """Bytes of the output per byte of the input."""
    failures: float = 0.01
    """Of a node per hour, while it labels."""
    repair: float = 120.0
    """Seconds until a node that failed is replaced."""
    slow_share: float = 0.02
    """Share of nodes that are slow."""
    slow_factor: float = 2.0
    """How many times as long slow nodes take."""


PERFECT = Conditions(latency=0.0, bandwidth=math.inf, failures=0.0, slow_share=0.0)


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs in seconds, and the coefficient of variation of the time of a part."""

    row: float
    part: float = 0.0
    worker: float = 0.0
    driver_part: float = 0.0
    driver_row: float = 0.0
    variation: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What a simulated labelling took; seconds."""

    nodes: int
    parts: int
    seconds: float = 0.0
    efficiency: float = 0.0
    losses: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0.0))
    """Share of the time of all nodes by cause; with the efficiency, their sum is 1."""
    lost: int = 0
    """Parts lost with their node."""
    repeated: int = 0
    """Parts that free nodes repeated."""

    @property
    def cpu_hours(self) -> float:
        """Time of all nodes."""
        return self.nodes * self.seconds / 3600


class Simulation:
    """A labelling of `parts` equal parts by `nodes` nodes of one CPU.

    Args:
        nodes: How many nodes.
        parts: How many parts.
        part_rows: Rows of a part.
        part_bytes: Bytes of a part.
        costs: Measured costs.
        conditions: Assumptions.
        seed: Of failures, slow nodes and the variation.
    """

    def __init__(
        self,
        nodes: int,
        parts: int,
        *,
        part_rows: float,
        part_bytes: float = 0.0,
        costs: Costs,
        conditions: Conditions = PERFECT,
        seed: int = 0,
    ) -> None:
        self._costs, self._conditions = costs, conditions
        self._chance = random.Random(seed)
        self._rows = part_rows * costs.row
        transfer = part_bytes * (1 + conditions.written) / conditions.bandwidth
        self._store = conditions.requests * conditions.latency + transfer
        self._sigma = math.sqrt(math.log1p(costs.variation**2))
        slow = set(self._chance.sample(range(nodes), round(conditions.slow_share * nodes)))
        self._factor = [conditions.slow_factor if node in slow else 1.0 for node in range(nodes)]
        self._plan = parts * part_rows * costs.driver_row
        self._outcome = Outcome(nodes, parts)
        self._waiting = deque(range(parts))
        self._left = set(range(parts))
        self._copies = [0] * parts
        self._single: dict[int, None] = {}
        """Running parts with one copy, those that started first before the others."""
        self._idle: list[int] = []
        self._driver_free = self._plan
        self._order = 0
        self._events: list[tuple[float, int, str, int, int, float]] = []
        """Time, order, kind, node, part, and when the node started it."""

    def run(self) -> Outcome:
        """Return the outcome."""
        outcome, total = self._outcome, dict.fromkeys(CAUSES, 0.0)
        for node in range(outcome.nodes):
            self._add(self._plan + self._costs.worker, "ready", node)
        total["driver"] += outcome.nodes * self._plan
        while self._left:
            time, _, kind, node, part, started = heapq.heappop(self._events)
            if kind == "ready":
                total["start"] += self._costs.worker
                if started:  # after a failure
                    total["failures"] += time - started - self._costs.worker
            elif kind == "failure":
                outcome.lost += 1
                total["failures"] += time - started
                self._lose(part, time)
                self._add(time + self._conditions.repair + self._costs.worker, "ready", node, started=time)
                continue
            elif part in self._left:
                self._left.remove(part)
                self._single.pop(part, None)
                total["store"] += self._store
                total["part"] += self._costs.part
                total["slow"] += time - started - self._store - self._costs.part - self._rows
            self._hand_out(node, time, total)
        outcome.seconds = self._driver_free
        whole = outcome.nodes * outcome.seconds
        outcome.efficiency = outcome.parts * self._rows / whole
        total["tail"] = whole - outcome.parts * self._rows - sum(total.values())
        outcome.losses = {cause: seconds / whole for cause, seconds in total.items()}
        return outcome

    def _hand_out(self, node: int, time: float, total: dict[str, float]) -> None:
        """The driver handles the message of a node and gives it a part, if there is one for it."""
        self._driver_free = max(self._driver_free, time) + self._costs.driver_part
        if not self._left:
            return
        if self._waiting:
            part = self._waiting.popleft()
            self._single[part] = None
        elif self._single:
            part = next(iter(self._single))
            del self._single[part]
            self._outcome.repeated += 1
        else:
            self._idle.append(node)
            return
        total["driver"] += self._driver_free - time
        self._copies[part] += 1
        start = self._driver_free
        took = self._store + self._costs.part + self._rows * self._factor[node] * self._varied()
        fails = self._chance.expovariate(self._conditions.failures / 3600) if self._conditions.failures else math.inf
        kind = "failure" if fails < took else "finished"
        self._add(start + min(fails, took), kind, node, part, started=start)

    def _lose(self, part: int, time: float) -> None:
        """A copy of a part was lost: it is repeated if no other copy runs."""
        self._copies[part] -= 1
        if part not in self._left:
            return
        if self._copies[part]:
            self._single[part] = None
            return
        self._single.pop(part, None)
        self._waiting.appendleft(part)
        if self._idle:
            self._add(time, "idle", self._idle.pop())

    def _varied(self) -> float:
        """A factor of mean 1."""
        return math.exp(self._chance.gauss(-(self._sigma**2) / 2, self._sigma)) if self._sigma else 1.0

    def _add(self, time: float, kind: str, node: int, part: int = -1, *, started: float = 0.0) -> None:
        self._order += 1
        heapq.heappush(self._events, (time, self._order, kind, node, part, started))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000_000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    measured = read_newest("partitions", folder=ROOT / "benchmarks" / "results")
    costs = Costs(**{name: measured.values["costs"][name] for name in Costs.__dataclass_fields__})
    values = simulate(options.rows, options.seeds, costs, row_bytes()) | {
        "measured": {"machine": measured.machine.description, "date": str(measured.date), "commit": measured.commit}
    }
    text = report(values)
    write_result("cluster_simulation", values, report=text, rounds=options.seeds)
    print(text)


def row_bytes() -> float:
    """Return the bytes of a row of the measured file."""
    return statistics.fmean(len(json.dumps({"text": f"{text[:200]} 0000"})) + 1 for text in texts_of.tickets())


def simulate(rows: int, seeds: int, costs: Costs, row_bytes: float) -> dict[str, Any]:
    """Return the medians over the seeds, by size of the parts and number of nodes."""
    conditions = Conditions()
    slower = replace(costs, driver_part=max(costs.driver_part, SLOW_DRIVER))
    cases = [(str(size), size, costs) for size in PART_MB] + [(f"{PART_MB[-1]} MiB, slow driver", PART_MB[-1], slower)]
    found: dict[str, list[dict[str, Any]]] = {}
    limits = {}
    for name, size, used in cases:
        part_rows = (size << 20) / row_bytes
        parts = math.ceil(rows / part_rows)
        found[name] = []
        limits[name] = driver_limit(rows / parts, used)
        for nodes in NODES:
            outcomes = [
                Simulation(
                    nodes,
                    parts,
                    part_rows=rows / parts,
                    part_bytes=size << 20,
                    costs=used,
                    conditions=conditions,
                    seed=seed,
                ).run()
                for seed in range(seeds)
            ]
            found[name].append(
                {
                    "nodes": nodes,
                    "parts": parts,
                    "efficiency": statistics.median(each.efficiency for each in outcomes),
                    "efficiencies": [each.efficiency for each in outcomes],
                    "seconds": statistics.median(each.seconds for each in outcomes),
                    "cpu_hours": statistics.median(each.cpu_hours for each in outcomes),
                    "lost": statistics.median(each.lost for each in outcomes),
                    "repeated": statistics.median(each.repeated for each in outcomes),
                    "losses": {name: statistics.median(each.losses[name] for each in outcomes) for name in CAUSES},
                }
            )
    return {
        "rows": rows,
        "row_bytes": row_bytes,
        "costs": asdict(costs),
        "conditions": asdict(conditions),
        "goal": GOAL,
        "driver_limits": limits,
        "cases": found,
    }


def driver_limit(part_rows: float, costs: Costs) -> float:
    """Return the number of nodes that one driver keeps busy: the parts that it hands out while one part runs."""
    return (part_rows * costs.row + costs.part) / costs.driver_part


def bend(case: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the largest number of nodes at which the efficiency reaches the goal, and what costs most at the end."""
    good = [each["nodes"] for each in case if each["efficiency"] >= GOAL]
    losses = case[-1]["losses"]
    return max(good, default=0), CAUSES[max(losses, key=lambda name: losses[name])]


def report(values: dict[str, Any]) -> str:
    """Return the result for readers."""
    costs, conditions = values["costs"], values["conditions"]
    titles = [name if "driver" in name else f"{name} MiB" for name in values["cases"]]
    rows = []
    for index, nodes in enumerate(NODES):
        cases = [case[index] for case in values["cases"].values()]
        rows.append([f"{nodes:,}", *(f"{each['efficiency']:.3f}" for each in cases)])
    causes = [
        [title, *(f"{case[-1]['losses'][name]:.1%}" for name in CAUSES)]
        for title, case in zip(titles, values["cases"].values(), strict=True)
    ]
    times = []
    for title, (name, case) in zip(titles, values["cases"].items(), strict=True):
        last, (most, cause) = case[-1], bend(case)
        times.append(
            [
                title,
                f"{last['parts']:,}",
                f"{last['seconds'] / 60:,.0f} min",
                f"{last['cpu_hours']:,.0f}",
                f"{most:,}",
                cause,
                f"{values['driver_limits'][name]:,.0f}",
            ]
        )
    header = [
        "parts of",
        "parts",
        "time",
        "CPU hours",
        f"nodes with at least {GOAL}",
        "largest loss",
        "nodes that the driver can keep busy",
    ]
    lines = [
        "# Labelling in parts on many nodes (simulated)",
        "",
        f"{values['rows']:,} rows of {values['row_bytes']:.0f} bytes; nodes of one CPU. Costs measured on "
        f"{values['measured']['machine']} on {values['measured']['date']}: a row {1e3 * costs['row']:.2f} ms, a part "
        f"{1e3 * costs['part']:.0f} ms, the start of a worker {costs['worker']:.1f} s, the driver "
        f"{1e3 * costs['driver_part']:.2f} ms a part; variation of a part {costs['variation']:.1%}. Assumed: "
        f"{conditions['requests']} requests of {1e3 * conditions['latency']:.0f} ms a part, "
        f"{conditions['bandwidth'] / 1e6:.0f} MB/s a node, {conditions['failures']:g} failures of a node per hour with "
        f"{conditions['repair']:.0f} s to replace it, {conditions['slow_share']:.0%} of the nodes take "
        f"{conditions['slow_factor']:g} times as long. The slow driver takes {1e3 * SLOW_DRIVER:.0f} ms a part. Repeat "
        "with `python -m benchmarks.speed.cluster_simulation`.",
        "",
        "Efficiency: time of the rows on one CPU, divided by the time of all nodes.",
        "",
        markdown_table(["nodes", *titles], rows),
        "",
        f"What is lost with {NODES[-1]:,} nodes, as a share of their time:",
        "",
        markdown_table(["parts of", *CAUSES.values()], causes),
        "",
        f"The whole input with {NODES[-1]:,} nodes:",
        "",
        markdown_table(header, times),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
