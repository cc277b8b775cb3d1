"""Chooses the graph that a bundle serves, and gives the reason in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Parity, Precision, Served


def choose_graph(compared: Sequence[Parity], precision: Precision | None) -> Served:
    """Return the graph to serve: the last compared one if it is non-inferior or requested, else fp32.

    Args:
        compared: The fp32 graph and the int8 graphs that were compared with PyTorch, in this order.
        precision: The requested precision; None if the comparison decides.
    """
    last, *before = reversed(compared)
    if last.scheme == "fp32":
        return Served(graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason="fp32 was requested")
    worse = [parity_summary(each) for each in reversed(before) if each.scheme != "fp32"]
    if precision == "int8" or last.non_inferior:
        why = "int8 was requested" if precision == "int8" else "not worse than fp32 by more than the margin"
        rejected = [f"rejected, because it may be worse: {summary}" for summary in worse]
        reason = "; ".join([f"{why}: {parity_summary(last)}", *rejected])
        return Served(graph=file_names.GRAPH_INT8, precision="int8", scheme=last.scheme, reason=reason)
    reason = (
        f"every int8 graph may be worse than fp32 by more than the margin: {'; '.join([*worse, parity_summary(last)])}"
    )
    return Served(graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason=reason)


def parity_summary(parity: Parity) -> str:
    """Describe the comparison of an int8 graph with PyTorch in one line."""
    excluded = f" with {', '.join(parity.excluded)} in fp32" if parity.excluded else ""
    return (
        f"int8 {parity.scheme}{excluded} {parity.metric} {parity.graph_value:.4f}, fp32 {parity.reference_value:.4f} "
        f"({parity.rows:,} validation rows, {parity.decision_flips} decisions differ, margin {parity.margin:.4f})"
    )
