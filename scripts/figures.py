"""Every figure that the documents may show. `fill_figures.py` writes them into the documents.

The function `FIGURES["NAME"]` reads `benchmarks/results/NAME.json` and returns its figures as text, by name. A document
shows one as `<!--figure NAME.FIGURE-->1.80<!--/figure-->`.

To publish a figure: give it a name here, put an empty marker into the document, run `make figures`.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Figures = dict[str, str]

SHAPES = ("short", "mixed")
"""Texts of about 15 tokens; texts of 8 to 400 tokens."""


class Interval(NamedTuple):
    """A value and its range: for rounds the median, the lowest and the highest; for a metric its 95 % interval."""

    value: float
    low: float
    high: float


def rounds(values: Iterable[float]) -> Interval:
    """The median and the range of repeated measurements."""
    found = list(values)
    return Interval(statistics.median(found), min(found), max(found))


def ratio(above: Iterable[float], below: Iterable[float]) -> Interval:
    """The ratio of two measurements that took turns: round by round, then the median and the range."""
    return rounds(one / other for one, other in zip(above, below, strict=True))


def interval(metric: Mapping[str, float]) -> Interval:
    """A stored `{value, low, high}`."""
    return Interval(metric["value"], metric["low"], metric["high"])


def ranged(name: str, found: Interval, form: str) -> Figures:
    """Two figures: NAME is the value alone, NAME.range adds the range. `form` is a format such as `.2f`."""
    value, low, high = (format(number, form) for number in found)
    return {name: value, f"{name}.range": f"{value} ({low} to {high})"}


def growth(result: Any, warm: int = 50_000) -> float:
    """How much resident memory grew at most after the first `warm` texts; one reading each `every` texts."""
    resident = result["resident"][warm // result["every"] - 1 :]
    return float(max(resident) - resident[0])


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


def bulk(result: Any) -> Figures:
    """Speeds of `label`, and what a billion documents take at that speed."""
    (million,) = (each for each in result if "memory" in each)
    megabytes, seconds = max(million["memory"]["megabytes"]), million["memory"]["seconds"]
    reading = million["memory"]["rows"] / seconds
    found = {
        "machine": million["machine"],
        "static.seconds": f"{seconds:,.0f}",
        "static.rate": f"{reading:,.0f}",
        "static.megabytes": f"{megabytes:,.0f}",
        "static.gigabytes_of_16": f"{16 * megabytes / 1000:.0f}",
    }
    found |= _billion("static", reading / _cpus(million["machine"]))
    for each in result:
        if "memory" not in each:
            rate, shape = statistics.median(each["speeds"]["label"]), each["shape"]
            of_a_cpu = rate / _cpus(each["machine"])
            found |= {
                f"{shape}.rate": _two_digits(rate),
                f"{shape}.rate_of_a_cpu": _two_digits(of_a_cpu),
                f"{shape}.minutes_of_a_million": f"{1e6 / of_a_cpu / 60:,.0f}",
                f"{shape}.cpus_fed": f"{reading / of_a_cpu:,.0f}",
            }
            found |= _billion(shape, of_a_cpu)
            others = ((name, speeds) for name, speeds in each["speeds"].items() if name != "label" and speeds)
            for name, speeds in others:
                found |= ranged(f"{shape}.{name}", ratio(each["speeds"]["label"], speeds), ".2f")
    return found


def _billion(name: str, of_a_cpu: float) -> Figures:
    """CPU hours of a billion documents, time on 64 machines of 16 CPUs, and cost at 0.04 for an hour of a CPU."""
    hours = 1e9 / of_a_cpu / 3600
    wall = hours / (64 * 16)
    time = f"{60 * wall:,.0f} min" if wall < 1 else f"{wall:,.1f} h" if wall < 24 else f"{wall / 24:,.1f} days"
    return {f"{name}.cpu_hours": f"{hours:,.0f}", f"{name}.time": time, f"{name}.cost": f"{0.04 * hours:,.0f}"}


def _cpus(machine: str) -> int:
    found = re.search(r"(\d+) CPUs", machine)
    if found is None:
        raise ValueError(f"the machine {machine!r} does not say how many CPUs it has")
    return int(found[1])


def _two_digits(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


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


def engines(result: Any) -> Figures:
    limit = statistics.median(result["limits"])
    found = {"machine": result["machine"], "rounds": str(len(result["limits"]))}
    for shape in SHAPES:
        ours = result["engines"]["ours"][shape]
        found |= ranged(f"{shape}.rate", rounds(ours["speeds"]), ",.0f")
        found[f"{shape}.of_limit"] = f"{statistics.median(ours['tokens']) / limit:.0%}"
        for name, engine in result["engines"].items():
            if shape in engine:
                found |= ranged(f"{shape}.{name}", ratio(ours["speeds"], engine[shape]["speeds"]), ".2f")
    return found


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


def faults(result: Any) -> Figures:
    return {
        "kinds": str(len(result)),
        "recall": f"{min(each['recall'] for each in result):.1%}",
        "precision": f"{min(each['precision'] for each in result):.0%}",
    }


def int8_kernels(result: Any) -> Figures:
    """Milliseconds of one product, by how it is computed."""
    names = {
        "fast": "uint8 x int8 (without the option)",
        "exact": "uint8 x uint8 (with the option)",
        "fp32": "fp32",
    }
    found = {name: f"{result['milliseconds'][key]['median']:.2f}" for name, key in names.items()}
    return found | {"machine": result["machine"]}


def invariance(result: Any) -> Figures:
    found = {"texts": f"{result['texts']:,}", "ways": str(len(result["moved_and_flips"]))}
    for name, model in (("ours", "served (static)"), ("stock", "stock recipe")):
        moved, flips = zip(*(way[model] for way in result["moved_and_flips"].values()), strict=True)
        found |= {f"{name}.moved": f"{max(moved):.2f}", f"{name}.flips": f"{max(flips):,}"}
    return found


def job_history(result: Any) -> Figures:
    stores = result.values()
    return {
        "jobs": f"{min(each['jobs'] for each in stores):,}",
        "kills": f"{sum(each['kills'] for each in stores):,}",
        "stops": f"{sum(each['stops'] for each in stores):,}",
    }


def kill_sweep(result: Any) -> Figures:
    return {"runs": f"{result['runs']:,}", "bad": str(len(result["bad"]))}


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


def memory(result: Any) -> Figures:
    return {"texts": f"{len(result['resident']) * result['every']:,}", "growth": f"{growth(result):.1f}"}


def memory_http(result: Any) -> Figures:
    return {
        "texts": f"{result['texts']:,}",
        "requests": f"{result['requests']:,}",
        "growth": f"{growth(result):.1f}",
    }


def million_rows(result: Any) -> Figures:
    return {"seconds": f"{result['seconds']:.0f}", "gigabytes": f"{result['peak_gb']:.1f}"}


def mutants(result: Any) -> Figures:
    counts = result["counts"]
    ended = sum(count for outcome, count in counts.items() if outcome.startswith("ended"))
    return {"mutants": f"{sum(counts.values()):,}", "ended": str(ended)}


def online(result: Any) -> Figures:
    found = {"machine": result["machine"]}
    for shape in SHAPES:
        ours = result["servers"]["ours"][shape]
        for name, server in result["servers"].items():
            measured = server[shape]
            found |= ranged(f"{shape}.{name}.rate", rounds(measured["rate"]), ",.0f")
            found |= ranged(f"{shape}.{name}.times", ratio(ours["rate"], measured["rate"]), ".2f")
            for what, form in (("p50", ",.0f"), ("p99", ",.0f"), ("alone_p50", ",.2f")):
                found |= ranged(f"{shape}.{name}.{what}", rounds(measured[what]), form)
        found |= ranged(f"{shape}.of_bulk", ratio(ours["rate"], result["bulk"][shape]), ".0%")
        found |= ranged(f"{shape}.tail", ratio(ours["p99"], ours["p50"]), ".1f")
    return found


def operators(result: Any) -> Figures:
    return {name: f"{share:.0%}" for name, share in result["shares"].items()}


def overload(result: Any) -> Figures:
    def each(name: str) -> list[float]:
        return [one[name] for one in result]

    return {
        **ranged("p99_ratio", ratio(each("p99_at_300"), each("p99_at_80")), ".2f"),
        **ranged("goodput", rounds(each("goodput_at_300")), ".0%"),
        **ranged("refusal_ms", rounds(each("refused_p99")), ".1f"),
        **ranged("refused_at_80", rounds(each("refused_at_80")), ".1%"),
        "server_errors": f"{sum(each('server_errors')):.0f}",
        "without_retry_after": f"{sum(each('without_retry_after')):.0f}",
    }


def quota(result: Any) -> Figures:
    return ranged("times", rounds(each["quota"]["rate"] / each["pinned"]["rate"] for each in result), ".2f")


def ray_actors(result: Any) -> Figures:
    return ranged("two_actors", ratio(result["1"], result["2"]), ".2f")  # seconds of one actor, of two


def replicas(result: Any) -> Figures:
    found: Figures = {}
    for name, signal in (("killed", "SIGKILL"), ("drained", "SIGTERM")):
        outcomes = result[signal]["outcomes"]
        requests = sum(outcomes.values())
        found |= ranged(f"{name}.seconds", rounds(result[signal]["empty_seconds"]), ".1f")
        found[f"{name}.times"] = str(result[signal]["times"])
        found |= {f"{name}.requests": f"{requests:,}", f"{name}.failed": f"{requests - outcomes['200']:,}"}
    return found


def review(result: Any) -> Figures:
    """Labels were made wrong: how much reviewing suspects gains over reviewing as many random rows, in points."""
    wrong = [100 * each["over_random"]["value"] for each in result["frozen"] if each["rows"].startswith("10 %")]
    return ranged("gain", rounds(wrong), "+.1f")


def startup(result: Any) -> Figures:
    seconds, resident = (rounds(run[name] for run in result["runs"]) for name in ("seconds", "resident_mb"))
    return {"seconds": f"{seconds.value:.2f}", "megabytes": f"{resident.value:.0f}"}


def tasks(result: Any) -> Figures:
    """The headline metric of each corpus."""
    found: Figures = {}
    names = {"PyTorch fp32": "torch", "graph fp32": "fp32", "graph int8, served": "int8"}
    for corpus, each in result.items():
        for name, model in each["models"].items():
            headline = next(iter(model["metrics"].values()))
            found |= ranged(f"{corpus}.{names.get(name, name)}", interval(headline), ".3f")
    return found


def training_speed(result: Any) -> Figures:
    speeds = result["examples_per_second"]
    return ranged("times", ratio(speeds["glossator"], speeds["trainer"]), ".1f")


def two_lanes(result: Any) -> Figures:
    return ranged("p99_ratio", rounds(each["busy_p99"] / each["idle_p99"] for each in result), ".2f")


def verify_damage(result: Any) -> Figures:
    damages = result["damages"]
    refused = sum(set(each["expected"]) <= set(each["caught_by"]) for each in damages)
    return {"damages": str(len(damages)), "refused": str(refused)}


FIGURES: Mapping[str, Callable[[Any], Figures]] = {
    "accuracy-banking77": accuracy,
    "accuracy-goemotions": accuracy,
    "active_learning": active_learning,
    "bulk": bulk,
    "cascade": cascade,
    "context": context,
    "engines": engines,
    "engines-xeon": engines,
    "entity_errors": entity_errors,
    "explain": explain,
    "false_alarms": false_alarms,
    "faults": faults,
    "int8_kernels": int8_kernels,
    "invariance": invariance,
    "job_history": job_history,
    "kill_sweep": kill_sweep,
    "label_errors": label_errors,
    "ladder": ladder,
    "learning_curves": learning_curves,
    "memory": memory,
    "memory_http": memory_http,
    "million_rows": million_rows,
    "mutants": mutants,
    "online": online,
    "online-xeon": online,
    "operators": operators,
    "overload": overload,
    "quota": quota,
    "ray_actors": ray_actors,
    "replicas": replicas,
    "review": review,
    "startup": startup,
    "tasks": tasks,
    "training_speed": training_speed,
    "two_lanes": two_lanes,
    "verify_damage": verify_damage,
}
"""By the name of the result file, without `.json`."""
