"""Chooses the graph that a bundle serves, and gives the reason in one sentence.

An int8 graph is served if it loses at most the margin on the validation rows. The reason says whether the rows also
show this for other texts, with 95 % confidence. If the caller gave a margin, this must be shown.

Without such a margin, nothing has to be shown, because chance would decide: of graphs that are as good as fp32 and
differ in 1 % of the decisions, half a point can be shown for 38 % on 1,000 rows and for 75 % on 2,000.

An int8 graph that is slower than the fp32 graph on this machine is served only if int8 was requested.
"""

from __future__ import annotations

from collections.abc import Sequence

from glossator.export.parity import AGREEMENT
from glossator.service.bundle import file_names
from glossator.service.bundle.manifest import Parity, Precision, Served

SLOWER = 0.95
"""An int8 graph that reaches less than this share of the speed of the fp32 graph is slower; above, the difference could
be noise."""
_HINT = "Hint: --max-loss sets a loss that must be shown"


def is_slower(parity: Parity) -> bool:
    """Return whether an int8 graph was measured to be slower than the fp32 graph on this machine."""
    return parity.speed_ratio is not None and parity.speed_ratio < SLOWER


def is_acceptable(parity: Parity, *, strict: bool) -> bool:
    """Return whether a graph may be served: its loss is shown to be within the margin or, unless `strict`, measured so.

    If half of what the number of rows can show is more than the margin, the measured loss may be as large: one row of
    100 is more than half a point.
    """
    allowed = max(parity.margin, 0.5 * (parity.showable or 0.0))
    return parity.non_inferior or (not strict and _loss(parity) <= allowed)


def choose_graph(compared: Sequence[Parity], precision: Precision | None, *, strict: bool = False) -> Served:
    """Return the graph to serve: the last compared one if it is requested, or acceptable and not slower; else fp32.

    Args:
        compared: The fp32 graph and the int8 graphs that were compared with PyTorch, in this order.
        precision: The requested precision; None if the comparison decides.
        strict: The loss of an int8 graph must be shown to be within the margin.
    """
    last, *before = reversed(compared)
    if last.scheme == "fp32":
        return Served(graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason="fp32 was requested")
    rejected = [_why_rejected(each, strict=strict) for each in reversed(before) if each.scheme != "fp32"]
    acceptable = is_acceptable(last, strict=strict)
    if precision == "int8" or (acceptable and not is_slower(last)):
        return Served(
            graph=file_names.GRAPH_INT8,
            precision="int8",
            scheme=last.scheme,
            reason="; ".join([_why_served(last, requested=precision == "int8"), *rejected]),
            loss_shown=last.non_inferior,
        )
    why_not_last = _why_too_slow(last) if acceptable else _why_rejected(last, strict=strict)
    reason = "; ".join([*rejected, why_not_last])
    return Served(graph=file_names.GRAPH_FP32, precision="fp32", scheme="fp32", reason=f"no int8 graph: {reason}")


def parity_summary(parity: Parity) -> str:
    """Describe the comparison of an int8 graph with PyTorch in one line."""
    excluded = f" with {', '.join(parity.excluded)} in fp32" if parity.excluded else ""
    if _unlabelled(parity):
        return f"int8 {parity.scheme}{excluded}, {parity.decision_flips} of {parity.rows:,} decisions differ"
    return (
        f"int8 {parity.scheme}{excluded} {parity.metric} {parity.graph_value:.4f}, fp32 {parity.reference_value:.4f} "
        f"({parity.rows:,} validation rows, {parity.decision_flips} decisions differ)"
    )


def _why_served(parity: Parity, *, requested: bool) -> str:
    summary, margin = parity_summary(parity), _points(parity.margin)
    if parity.non_inferior:
        what = f"change at most {margin} % of the decisions" if _unlabelled(parity) else f"lose at most {margin} points"
        shown = f"shown to {what}, with 95 % confidence: {summary}"
        return f"int8 was requested; {shown}" if requested else shown
    if _unlabelled(parity):
        return f"int8 was requested, although it may change more than {margin} % of the decisions: {summary}"
    if requested and parity.enough_rows:
        return f"int8 was requested, although it may lose more than {margin} points: {summary}"
    why = "int8 was requested" if requested else f"it loses {_points(_loss(parity))} points on these rows"
    if parity.enough_rows:
        return f"not shown to lose at most {margin} points; served because {why}: {summary}. {_HINT}"
    assert parity.showable is not None
    return (
        f"not enough validation rows to show a loss of at most {margin} points ({parity.rows:,} rows can show "
        f"{_points(parity.showable)}); served because {why}: {summary}. {_HINT}"
    )


def _why_rejected(parity: Parity, *, strict: bool) -> str:
    if _unlabelled(parity):
        why = f"it may change more than {_points(parity.margin)} % of the decisions"
    elif strict:
        why = f"it may lose more than {_points(parity.margin)} points"
    else:
        why = f"it loses {_points(_loss(parity))} points on these rows"
    return f"rejected, because {why}: {parity_summary(parity)}"


def _why_too_slow(parity: Parity) -> str:
    return (
        f"rejected, because it has only {parity.speed_ratio:.2f} times the speed of fp32 on this machine: "
        f"{parity_summary(parity)}"
    )


def _loss(parity: Parity) -> float:
    """Return how much worse the graph is on these rows; 0 if it is better."""
    return max(0.0, parity.reference_value - parity.graph_value)


def _unlabelled(parity: Parity) -> bool:
    return parity.metric == AGREEMENT


def _points(share: float) -> str:
    return f"{100 * share:.2f}"
