"""The figures of the benchmarks in `benchmarks/quality` and `benchmarks/corpora`, one function for each result."""

from __future__ import annotations

import statistics
from typing import Any

from figure_text import Figures, Interval, interval, means, ranged, ratio, rounds


def accuracy(result: Any) -> Figures:
    found: Figures = {}
    names = {"PyTorch fp32": "torch", "served int8": "int8", "served int8, every threshold 0.5": "half"}
    for model, metrics in result["metrics"].items():
        for metric, values in metrics.items():
            found |= ranged(f"{names[model]}.{metric}", interval(values), ".3f")
    return found


def active_learning(result: Any) -> Figures:
    """How much more accurate the model is after the last step with `suggest` than with random choice."""
    found = {}
    for corpus, ways in result.items():
        last = {way: statistics.mean(seed[-1] for seed in seeds) for way, seeds in ways.items()}
        found[f"{corpus}.gain"] = f"{100 * (last['both'] - last['random']):.1f}"
    return found


def cascade(result: Any) -> Figures:
    found: Figures = {}
    for each in result:
        corpus, against = each["corpus"], each["cascade_against_full"]
        difference = Interval(against["difference"], against["low"], against["high"])
        found[f"{corpus}.share"] = f"{each['test_share']:.0%}"
        found |= ranged(f"{corpus}.times", Interval(*each["ratios"]["cascade"]), ".1f")
        found |= ranged(f"{corpus}.points", Interval(*(100 * value for value in difference)), "+.1f")
    return found


def context(result: Any) -> Figures:
    points = Interval(*(100 * result[name] for name in ("difference", "low", "high")))
    return {"alone": f"{result['old']:.1%}", "with": f"{result['new']:.1%}", "rows": f"{result['rows']:,}"} | ranged(
        "points", points, "+.1f"
    )


def encodings(result: Any) -> Figures:
    total = result["total"]
    return {
        name: f"{total[key]:,}"
        for name, key in (
            ("texts", "texts"),
            ("right", "ours_right"),
            ("refused", "ours_refused"),
            ("wrong", "ours_wrong"),
        )
    }


def entity_errors(result: Any) -> Figures:
    precision, recall = (rounds(seed[name] for seed in result["seeds"]) for name in ("precision", "recall"))
    return {"precision": f"{precision.value:.0%}", "recall": f"{recall.value:.0%}"}


def explain(result: Any) -> Figures:
    return {"named": f"{result['occlusion (explain)'][0]:.2f}", "random": f"{result['by chance'][0]:.2f}"}


def false_alarms(result: Any) -> Figures:
    """How often equal models are called different by the tests that a verdict rests on."""
    tests = {"McNemar, mid-p", "approximate randomisation"}
    shares = [each["share"] for each in result if each["what"].startswith("equal") and each["test"] in tests]
    return {"least": f"{min(shares):.1%}", "most": f"{max(shares):.1%}"}


def families(result: Any) -> Figures:
    """What import does with each family: its graph or why it is refused, and the largest differences of its heads."""
    found: Figures = {}
    counts = {"ours": 0, "exporter": 0, "refused": 0}
    for name, heads in result["families"].items():
        key = name.lower().replace(" ", "-").replace("\N{LATIN SMALL LETTER O WITH DIAERESIS}", "o")
        if not heads:
            found[f"{key}.graph"] = "not measured"
            found |= dict.fromkeys((f"{key}.difference", f"{key}.int8", f"{key}.batch"), "-")
            continue
        works = {head: row for head, row in heads.items() if "graph" in row}
        others = {head: row.get("refused") or row["failed"] for head, row in heads.items() if head not in works}
        if not works:
            counts["refused"] += 1
            found[f"{key}.graph"] = f"refused: {next(iter(others.values()))}"
            found |= dict.fromkeys((f"{key}.difference", f"{key}.int8", f"{key}.batch"), "-")
            continue
        ours = all(row["graph"] == "ours" for row in works.values())
        counts["ours" if ours else "exporter"] += 1
        refused = "".join(f"; {head} refused: {reason}" for head, reason in others.items())
        found[f"{key}.graph"] = ("Glossator" if ours else "PyTorch") + refused
        found[f"{key}.difference"] = f"{max(row['difference'] for row in works.values()):.0e}"
        found[f"{key}.batch"] = f"{max(row['batch_difference'] for row in works.values()):.0e}"
        int8 = next((row["int8"] for row in works.values() if row["int8"]), None)
        found[f"{key}.int8"] = f"{int8['flips']} of {int8['rows']}" if int8 else "not tried"
    return found | {name: str(count) for name, count in counts.items()}


def faults(result: Any) -> Figures:
    return {
        "kinds": str(len(result)),
        "recall": f"{min(each['recall'] for each in result):.1%}",
        "precision": f"{min(each['precision'] for each in result):.0%}",
    }


def heads(result: Any) -> Figures:
    """For each corpus: a model of its own, and heads on the last and on several layers. `enough`: at most one
    point lower; `within` counts these corpora."""
    found: Figures = {}
    for each in result:
        corpus = each["corpus"]
        found[f"{corpus}.epochs"] = str(each["epochs"])
        for kind, compared in each["comparison"].items():
            points = Interval(*(100 * compared[name] for name in ("difference", "low", "high")))
            found |= ranged(f"{corpus}.{kind}.points", points, "+.1f")
            found[f"{corpus}.{kind}.enough"] = "yes" if compared["difference"] >= -0.01 else "no"
            found[f"{corpus}.{kind}"], found[f"{corpus}.own"] = f"{compared['new']:.3f}", f"{compared['old']:.3f}"
        found |= {f"{corpus}.{kind}.seconds": f"{seconds:,.0f}" for kind, seconds in each["seconds"].items()}
    for kind in ("head", "layers"):
        measured = [each["comparison"][kind]["difference"] for each in result if kind in each["comparison"]]
        found |= {f"{kind}.corpora": str(len(measured)), f"{kind}.within": str(sum(d >= -0.01 for d in measured))}
    return found


def invariance(result: Any) -> Figures:
    found = {"texts": f"{result['texts']:,}", "ways": str(len(result["moved_and_flips"]))}
    for name, model in (("ours", "served (static)"), ("stock", "stock recipe")):
        moved, flips = zip(*(way[model] for way in result["moved_and_flips"].values()), strict=True)
        found |= {f"{name}.moved": f"{max(moved):.2f}", f"{name}.flips": f"{max(flips):,}"}
    return found


def label_audits(result: Any) -> Figures:
    """Each audit by a short name: the share of doubtful labels among the first 100 rows and among all reported rows."""
    found: Figures = {}
    names = {
        "csabstruct, annotators disagree": "csabstruct",
        "banking77, near-duplicates disagree": "banking77",
        "banking77, a tenth changed to any label": "changed",
    }
    for audit in result["audits"]:
        name = names.get(audit["audit"])
        if name is not None:
            found[f"{name}.first"] = f"{audit['rankings']['glossator']['100']:.0%}"
            found[f"{name}.all"] = f"{audit['selected_precision']:.0%}"
            found[f"{name}.reported"] = f"{audit['selected']:,}"
    return found


def label_errors(result: Any) -> Figures:
    precision, recall = (rounds(seed[name] for seed in result["seeds"]) for name in ("precision", "recall"))
    return {"precision": f"{precision.value:.0%}", "recall": f"{recall.value:.0%}"}


def ladder(result: Any) -> Figures:
    """Each algorithm on each corpus: the accuracy of its first seed, and the median over seeds of training seconds."""
    found: Figures = {}
    seconds: dict[str, list[float]] = {}
    for each in result["records"]:
        name = f"{each['corpus']}.{each['algorithm']}"
        seconds.setdefault(name, []).append(each["train_seconds"])
        if f"{name}.megabytes" not in found:
            found[f"{name}.megabytes"] = f"{each['megabytes']:.1f}"
            if "accuracy" in each["test"]:
                found |= ranged(f"{name}.accuracy", interval(each["test"]["accuracy"]), ".3f")
    found |= {f"{name}.seconds": f"{statistics.median(each):,.0f}" for name, each in seconds.items()}
    for corpus, measured in result["speeds"].items():
        full = measured["speeds"].get("finetune")
        for algorithm, speeds in measured["speeds"].items():
            found |= ranged(f"{corpus}.{algorithm}.times", ratio(speeds, full), ".1f") if full else {}
    return found


def learning_curves(result: Any) -> Figures:
    return {
        "curves": str(len(result)),
        "inside": str(sum(each["low"] <= each["true"] <= each["high"] for each in result)),
        "largest_error": f"{100 * max(abs(each['predicted'] - each['true']) for each in result):.1f}",
    }


def out_of_scope(result: Any) -> Figures:
    """By corpus and algorithm, over seeds: texts that the limit refuses in scope and finds out of scope; the scores."""
    found: Figures = {}
    runs: dict[str, list[Any]] = {}
    for each in result:
        runs.setdefault(f"{each['corpus']}.{each['algorithm']}", []).append(each["measured"])
    for name, seeds in runs.items():
        held_out, other = ([each[kind] for each in seeds] for kind in ("held-out labels", "other corpus"))
        found |= ranged(f"{name}.refused", means(each["refused"] for each in held_out), ".1%")
        found |= ranged(f"{name}.found", means(each["found"] for each in held_out), ".1%")
        found |= ranged(f"{name}.other", means(each["found"] for each in other), ".1%")
        for short, score in (("ours", "calibrated probability"), ("baseline", "maximum probability")):
            scores = [each["scores"][score] for each in held_out]
            found |= ranged(f"{name}.{short}.auroc", means(each["auroc"] for each in scores), ".3f")
            for share in ("recall_1", "recall_5", "recall_10"):
                found |= ranged(f"{name}.{short}.{share}", means(each[share] for each in scores), ".1%")
    return found


def review(result: Any) -> Figures:
    """Labels were made wrong: how much reviewing suspects gains over reviewing as many random rows, in points."""
    wrong = [100 * each["over_random"]["value"] for each in result["frozen"] if each["rows"].startswith("10 %")]
    return ranged("gain", rounds(wrong), "+.1f")


def tasks(result: Any) -> Figures:
    """The headline metric of each corpus."""
    found: Figures = {}
    names = {"PyTorch fp32": "torch", "graph fp32": "fp32", "graph int8, served": "int8"}
    for corpus, each in result.items():
        for name, model in each["models"].items():
            headline = next(iter(model["metrics"].values()))
            found |= ranged(f"{corpus}.{names.get(name, name)}", interval(headline), ".3f")
    return found


def tfidf_characters(result: Any) -> Figures:
    """By corpus and features: test accuracy, and points gained over tokens on validation rows and on test rows."""
    found: Figures = {}
    for corpus, measured in result["corpora"].items():
        for features, each in measured.items():
            if features != "rows":
                name = f"{corpus}.{features.replace(' ', '_').replace(',', '')}"
                found[f"{name}.accuracy"] = f"{each['test']:.4f}"
                found[f"{name}.features"] = f"{each['features']:,}"
                found |= ranged(f"{name}.validation_gain", interval(each["validation_gain"]), "+.1f")
                found |= ranged(f"{name}.test_gain", interval(each["test_gain"]), "+.1f")
    return found
