"""How often `glossator compare` sees a difference where there is none.

    python -m benchmarks.corpora.false_alarms [--pairs 4000]

Pairs of models that are equally good are simulated: each row is right with both, wrong with both, or right with one of
the two, either as likely as the other. Of such pairs a test at 5 % should call 5 % different. Also how often a true
difference of the size that a comparison says it could show is found, which should be 80 %. Writes
benchmarks/results/false_alarms/.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.analysis.comparison import POWER
from glossator.evaluation.markdown import markdown_table
from glossator.evaluation.statistics.bootstrap import draw_resamples, percentile_interval, weighted_metrics
from glossator.evaluation.statistics.paired_tests import SIGNIFICANCE_LEVEL, approximate_randomisation, mcnemar

ROWS = (200, 500, 3_000)
APART = (0.05, 0.15, 0.3)
"""Share of rows that one of the two models alone has right."""
LABELS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4_000, help="simulated pairs a line")
    options = parser.parse_args()
    generator = np.random.default_rng(1)
    lines = [line for rows in ROWS for apart in APART for line in accuracies(generator, rows, apart, options.pairs)]
    lines += [line for rows in ROWS[:2] for line in macro_f1(generator, rows, 0.2, max(1, options.pairs // 4))]
    write_result("false_alarms", lines)
    table = [
        [line["what"], f"{line['rows']:,}", f"{line['apart']:.0%}", line["test"], f"{line['pairs']:,}",
         f"{line['share']:.2%} ({line['low']:.2%} to {line['high']:.2%})"]
        for line in lines
    ]  # fmt: skip
    header = ["simulated", "rows", "right with one alone", "test", "pairs", "called different"]
    text = "\n".join(
        [
            "# False alarms of a comparison",
            "",
            "Pairs of models that are equally good, or differ by what the comparison says it could show; 95 %",
            "Clopper-Pearson intervals. The verdict of `glossator compare` rests on the mid-p value and on",
            "randomisation. Repeat with `python -m benchmarks.corpora.false_alarms`.",
            "",
            markdown_table(header, table, right=(1, 2, 4)),
        ]
    )
    write_report("false_alarms", text)
    print(text)


def accuracies(generator: np.random.Generator, rows: int, apart: float, pairs: int) -> list[dict[str, object]]:
    """McNemar's test and the bootstrap's interval on equal models, and the power at the difference it names."""
    alone = generator.binomial(rows, apart, size=pairs)
    gained = generator.binomial(alone, 0.5)
    p_values = np.array([mcnemar(int(g), int(n - g)) for g, n in zip(gained, alone, strict=True)])
    seen = {
        "McNemar, mid-p": p_values[:, 0] < SIGNIFICANCE_LEVEL,
        "McNemar, exact": p_values[:, 1] < SIGNIFICANCE_LEVEL,
    }
    few = min(pairs, 1_000)
    outside = []
    for g, n in zip(gained[:few].tolist(), alone[:few].tolist(), strict=True):
        counts = np.array([g, n - g, rows - n])
        low, high = percentile_interval(draw_resamples(counts, seed=g) @ np.array([1.0, -1.0, 0.0]) / rows)
        outside.append(low > 0.0 or high < 0.0)
    seen["bootstrap interval without 0"] = np.array(outside)
    lines = [_line("equal models", rows, apart, test, each) for test, each in seen.items()]

    difference = (1.959964 + 0.841621) * np.sqrt(apart / rows)
    if difference < apart:
        found = generator.binomial(alone, 0.5 + 0.5 * difference / apart)
        power = [mcnemar(int(g), int(n - g))[0] < SIGNIFICANCE_LEVEL for g, n in zip(found, alone, strict=True)]
        lines.append(
            _line(f"apart by {difference:.4f}", rows, apart, f"McNemar, mid-p; {POWER:.0%} hoped", np.array(power))
        )
    return lines


def macro_f1(generator: np.random.Generator, rows: int, apart: float, pairs: int) -> list[dict[str, object]]:
    """Approximate randomisation of macro-F1, on labels of which some are rare."""
    seen = []
    for pair in range(pairs):
        gold = generator.choice(LABELS, size=rows, p=[0.6, 0.25, 0.1, 0.05])
        models = []
        for _ in range(2):
            wrong = generator.random(rows) < apart / 2 + 0.1
            models.append(np.where(wrong, generator.integers(LABELS, size=rows), gold))
        truth, decided = (_indicator(np.concatenate(each)) for each in ((gold, gold), models))
        p_value = approximate_randomisation(
            lambda weights, truth=truth, decided=decided: weighted_metrics(truth, decided, weights)["macro_f1"],
            rows,
            shuffles=400,
            seed=pair,
        )
        seen.append(p_value < SIGNIFICANCE_LEVEL)
    return [_line("equal models, macro F1", rows, apart, "approximate randomisation", np.array(seen))]


def _indicator(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.eye(LABELS, dtype=bool)[labels]


def _line(what: str, rows: int, apart: float, test: str, seen: NDArray[np.bool_]) -> dict[str, object]:
    alarms = int(seen.sum())
    low, high = binomtest(alarms, len(seen)).proportion_ci()
    return {
        "what": what, "rows": rows, "apart": apart, "test": test, "pairs": len(seen),
        "share": alarms / len(seen), "low": float(low), "high": float(high),
    }  # fmt: skip


if __name__ == "__main__":
    main()
