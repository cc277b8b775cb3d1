"""The figures of the closed loop: how far its intervals hold, and how many labels they need."""

from __future__ import annotations

from statistics import median
from typing import Any

from figure_text import Figures

USELESS = "of other answers"
"""Confidences that say nothing: shown apart from those of a model."""


def live_accuracy(result: Any) -> Figures:
    """Misses, and labels needed as a share of uniform labels, over all corpora and confidences."""
    rows = [(kind, each) for kinds in result["corpora"].values() for kind, each in kinds.items()]
    useful = [each for kind, each in rows if kind != USELESS]
    found = {
        "misses": f"{max(each['misses'] for _, each in rows):.1%}",
        "useless": f"{max(_known(each) for kind, each in rows if kind == USELESS):.2f}",
    }
    for place, labels in enumerate(result["corpora"][next(iter(result["corpora"]))]["of the model"]["labels"]):
        shares = [each["shares_of_labels"][place] for each in useful]
        found |= {f"least_{labels}": f"{min(shares):.2f}", f"most_{labels}": f"{max(shares):.2f}"}
    for corpus, kinds in result["corpora"].items():
        own = kinds["of the model"]
        found |= {
            f"{corpus}.{labels}": f"{share:.2f}"
            for labels, share in zip(own["labels"], own["shares_of_labels"], strict=True)
        }
    return found


def live_f1(result: Any) -> Figures:
    """Misses, and the half-widths in points, over all corpora and confidences."""
    rows = [each for kinds in result["corpora"].values() for each in kinds.values()]
    found = {"misses": f"{max(each['misses'] for each in rows):.1%}"}
    for place, labels in enumerate(rows[0]["labels"]):
        found[f"widest_{labels}"] = f"{100 * max(each['half_widths'][place] for each in rows):.1f}"
    return found


def _known(each: Any) -> float:
    return float(max(share for share in each["shares_of_labels"] if share is not None))


def drift_summaries(result: Any) -> Figures:
    """What is found in files of some texts, and what the summaries cost."""
    shares = {(each["texts"], each["size"]): each["drifted"] for each in result["files"]}
    found = [share for (kind, size), share in shares.items() if kind != "unshifted" and size == 1_000]
    costs = sorted(result["costs"], key=lambda each: each["share"])
    return {
        "false_share": f"{max(share for (kind, _), share in shares.items() if kind == 'unshifted'):.0%}",
        "least_1000": f"{min(found):.0%}",
        "labels_200": f"{shares['half of the labels', 200]:.0%}",
        "cost_us": f"{costs[0]['summaries_us']:.0f}",
        "cost_share": f"{costs[0]['share']:.1%}",
        "fast_share": f"{costs[-1]['share']:.0%}",
    }


def drift(result: Any) -> Figures:
    """False alarms, delays over all corpora and shifts, and the cost of the watch for drift."""
    corpora = result["corpora"]
    found = {
        "texts": f"{sum(each['false_alarms']['texts'] for each in corpora.values()):,}",
        "alarms": f"{sum(each['false_alarms']['alarms'] for each in corpora.values())}",
    }
    for corpus, each in corpora.items():
        for shift, kinds in each["delays"].items():
            default = next(iter(kinds.values()))
            found[f"{corpus}.{shift.replace(' ', '_')}"] = _median(default["delays"])
        if "cost" in each:
            cost = each["cost"]
            ours = cost["summaries_microseconds"] + cost["test_microseconds"]
            found |= {
                "test_us": f"{cost['test_microseconds']:.0f}",
                "share": f"{ours / cost['answer_microseconds']:.1%}",
            }
    return found


def _median(delays: list[int | None]) -> str:
    """The median of delays, of which None are the longest."""
    ordered = sorted(delays, key=lambda each: (each is None, each))
    middle = ordered[len(ordered) // 2]
    return "-" if middle is None else f"{middle:,}"


def log_cost(result: Any) -> Figures:
    """What the log, logged texts and a shadow leave of the throughput, and what an answer costs more."""
    found = {}
    for variant in ("log", "texts", "shadow"):
        for name, figure in (("throughput", "throughput"), ("cpu", "cpu_ms")):
            ratios = [each[variant][figure] / each["none"][figure] for each in result]
            found[f"{variant}.{name}"] = f"{median(ratios):.0%}"
        more = median(each[variant]["cpu_ms"] - each["none"]["cpu_ms"] for each in result)
        found[f"{variant}.more_us"] = f"{1e3 * more:.0f}"
    return found | {"base_ms": f"{median(each['none']['cpu_ms'] for each in result):.1f}"}


def promotion(result: Any) -> Figures:
    """How often promotions and rollbacks are wrong, and how many labels they take, for each pair of models."""
    pairs = {name.split()[0]: pair for name, pair in result["pairs"].items()}
    lives = [life for pair in pairs.values() for life in pair["life"].values()]
    kept = ("2 points better", "equal", "at the margin")
    found = {
        "replays": f"{result['replays']:,}",
        "wrong": f"{max(life['wrong'] for life in lives):.1%}",
        "bound.wrong": f"{max(life['bound'] for life in lives):.0%}",
        "back.wrong": f"{max(pair['roll back'][name]['share'] for pair in pairs.values() for name in kept):.1%}",
    }
    for name, pair in pairs.items():
        rates = pair["rates"]
        better, equal = pair["first"]["2 points better"], pair["first"]["equal"]
        found |= {
            f"{name}.disagreements": f"{sum(rates.values()):.1%}",
            f"{name}.better.share": f"{better['share']:.0%}",
            f"{name}.better.labels": _labels(better),
            f"{name}.equal.share": f"{equal['share']:.0%}",
            f"{name}.equal.labels": _labels(equal),
            f"{name}.back.share": f"{pair['roll back']['3 points worse']['share']:.0%}",
            f"{name}.back.labels": _labels(pair["roll back"]["3 points worse"]),
            f"{name}.mcnemar.labels": _labels(pair["mcnemar"]["2 points better"]),
            f"{name}.mcnemar.equal": f"{pair['mcnemar']['equal']['share']:.0%}",
            f"{name}.planned": f"{pair['planned']:,}",
            f"{name}.best_stake": f"{pair['best_stake']:,}",
        }
    return found


def _labels(outcome: Any) -> str:
    return "-" if outcome["median_labels"] is None else f"{outcome['median_labels']:,}"


def loop_story(result: Any) -> Figures:
    """The accuracy before, after new classes appeared, and after the promotion; what it took to get there."""
    shares = {name: _percent(share) for name, share in result["accuracy"].items()}
    reviewed = [day for day in result["days"] if day["new_texts"]]
    promotions = [event["day"] for event in result["events"] if event["kind"] == "promoted"]
    last = [day for day in result["days"] if promotions and day["day"] > promotions[-1]]
    right = sum(day["accuracy"] * day["texts"] for day in last)
    return shares | {
        "promotions": str(len(promotions)),
        "last": _percent(right / sum(day["texts"] for day in last) if last else None),
        "classes": str(len(result["new_classes"])),
        "share": f"{reviewed[0]['new_texts'] / reviewed[0]['texts']:.0%}",
        "texts_a_day": str(result["texts_a_day"]),
        "drift_texts": _count(result["texts_to_drift_alarm"]),
        "accuracy_texts": _count(result["texts_to_accuracy_alarm"]),
        "days_to_promotion": _days(result),
        "labels_to_promotion": f"{result['labels_from_change_to_promotion']:,}",
        "labels": f"{result['labels']:,}",
        "inside": str(result["days_inside"]),
        "days": str(len(result["days"])),
    }


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _days(result: Any) -> str:
    """Return how many days after the change the new version was promoted."""
    change = next(event["day"] for event in result["events"] if event["kind"] == "new texts")
    return "-" if result["promoted_day"] is None else f"{result['promoted_day'] - change:.0f}"
