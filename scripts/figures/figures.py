"""Every figure that the documents may show. `fill_figures.py` writes them into the documents.

The function `FIGURES["NAME"]` gets the values of a result of the benchmark NAME, which is stored as
`benchmarks/results/NAME/MACHINE.json`, and returns its figures as text, by name. A document shows one
as `<!--figure NAME.FIGURE-->1.80<!--/figure-->`.

To publish a figure: give it a name here, in `figures_loop.py` or in `figures_quality.py`, put an empty marker into the
document, and run `make figures`.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import figures_loop as loop
import figures_pages as pages
import figures_quality as quality
from figure_text import Figures, Interval, ranged, ratio, rounds

SHAPES = ("short", "mixed")
"""Texts of about 15 tokens; texts of 8 to 400 tokens."""


def growth(result: Any, warm: int = 50_000) -> float:
    """How much resident memory grew at most after the first `warm` texts; one reading each `every` texts."""
    resident = result["resident"][warm // result["every"] - 1 :]
    return float(max(resident) - resident[0])


def bulk(result: Any) -> Figures:
    """Speeds of `label`, and what a billion documents take at that speed."""
    found: Figures = {}
    reading = None
    for million in (each for each in result if "memory" in each):  # one, or none where it was not measured
        megabytes, seconds = max(million["memory"]["megabytes"]), million["memory"]["seconds"]
        reading = million["memory"]["rows"] / seconds
        found |= {
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
            }
            if reading is not None:
                found[f"{shape}.cpus_fed"] = f"{reading / of_a_cpu:,.0f}"
            found |= _billion(shape, of_a_cpu)
            others = ((name, speeds) for name, speeds in each["speeds"].items() if name != "label" and speeds)
            for name, speeds in others:
                found |= ranged(f"{shape}.{name}", ratio(each["speeds"]["label"], speeds), ".2f")
    return found


def _billion(name: str, of_a_cpu: float) -> Figures:
    """CPU hours of a billion documents, time on 64 machines of 16 CPUs, and cost at 0.04 for an hour of a CPU."""
    hours = 1e9 / of_a_cpu / 3600
    time = _duration(hours / (64 * 16))
    return {f"{name}.cpu_hours": f"{hours:,.0f}", f"{name}.time": time, f"{name}.cost": f"{0.04 * hours:,.0f}"}


def _duration(hours: float) -> str:
    return f"{60 * hours:,.0f} min" if hours < 1 else f"{hours:,.1f} h" if hours < 24 else f"{hours / 24:,.1f} days"


def _cpus(machine: str) -> int:
    found = re.search(r"(\d+) CPUs", machine)
    if found is None:
        raise ValueError(f"the machine {machine!r} does not say how many CPUs it has")
    return int(found[1])


def _two_digits(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


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


def encoder_families(result: Any) -> Figures:
    """For each kind of texts and model: speed compared with the rivals, and the share of the int8 limit."""
    found: Figures = {}
    for shape, each in result["shapes"].items():
        for kind, engines in each["kinds"].items():
            ours = engines["ours"]["tokens"]
            found |= ranged(f"{kind}.{shape}.share", ratio(ours, each["limits"]), ".0%")
            for name in engines.keys() - {"ours"}:
                found |= ranged(f"{kind}.{shape}.{name}", ratio(ours, engines[name]["tokens"]), ".2f")
    return found


def int8_kernels(result: Any) -> Figures:
    """Milliseconds of one product, by how it is computed."""
    names = {
        "fast": "uint8 x int8 (without the option)",
        "exact": "uint8 x uint8 (with the option)",
        "fp32": "fp32",
    }
    found = {name: f"{result['milliseconds'][key]['median']:.2f}" for name, key in names.items()}
    return found | {"machine": result["machine"]}


def job_history(result: Any) -> Figures:
    stores = result.values()
    return {
        "jobs": f"{min(each['jobs'] for each in stores):,}",
        "kills": f"{sum(each['kills'] for each in stores):,}",
        "stops": f"{sum(each['stops'] for each in stores):,}",
    }


def kill_sweep(result: Any) -> Figures:
    return {"runs": f"{result['runs']:,}", "bad": str(len(result["bad"]))}


def long_attention(result: Any) -> Figures:
    """By the number of tokens: time of local layers compared with global ones, and the memory of the larger."""
    found: Figures = {}
    for length, each in result["lengths"].items():
        found |= ranged(f"{length}.ratio", Interval(*each["ratio"]), ".2f")
        found[f"{length}.megabytes"] = f"{max(each['local_megabytes'], each['global_megabytes']):,.0f}"
    return found


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


def reader_fuzz(result: Any) -> Figures:
    return {name: f"{result[name]:,}" for name in ("mutants", "ended", "hangs")}


def online(result: Any) -> Figures:
    found = {"machine": result["machine"]}
    for shape in SHAPES:
        ours = result["servers"]["ours"][shape]
        for name, server in result["servers"].items():
            measured = server[shape]
            found |= ranged(f"{shape}.{name}.rate", rounds(measured["rate"]), ",.0f")
            found |= ranged(f"{shape}.{name}.times", ratio(ours["rate"], measured["rate"]), ".2f")
            for what, form in (("p50", ",.0f"), ("p99", ",.0f"), ("alone_p50", ",.2f"), ("server_ms", ".2f"),
                               ("client_ms", ".2f")):  # fmt: skip
                if what in measured:
                    found |= ranged(f"{shape}.{name}.{what}", rounds(measured[what]), form)
        if "bulk_ms" in result:
            found |= ranged(f"{shape}.bulk_ms", rounds(result["bulk_ms"][shape]), ".2f")
            found |= ranged(f"{shape}.of_bulk_by_cpu", ratio(result["bulk_ms"][shape], ours["server_ms"]), ".0%")
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


def heads_speed(result: Any) -> Figures:
    """Memory of a head, and the time of all heads compared with one; NAME.apart if none are decoded together."""
    found = {"heads": str(result["heads"]), "precision": result["precision"], "load": f"{result['load']:.1f}"}
    found["megabytes"] = f"{result['memory']['a_head']:.2f}"
    kinds = {"one short text": "one", "32 short texts": "many", "one text of four tickets": "long"}
    for where in ("python", "http"):
        for name, times in result[where].items():
            kind, _, apart = name.partition(", ")
            figure = f"{where}.{kinds[kind]}" + (f".{apart}" if apart else "")
            found |= {
                figure: f"{times['ratio']:.2f}",
                f"{figure}.one_ms": f"{times['one']:.1f}",
                f"{figure}.every_ms": f"{times['every']:.1f}",
            }
    return found


def partitions(result: Any) -> Figures:
    """Efficiency per CPU of two workers, and what a worker, a part and a row cost."""
    costs = result["costs"]
    found = {
        "worker": f"{costs['worker']:.1f}",
        "part": f"{1e3 * costs['part']:.0f}",
        "row": f"{1e3 * costs['row']:.1f}",
        "driver_part": f"{1e3 * costs['driver_part']:.2f}",
    }
    for name in ("efficiency", "efficiency_by_processor_time", "one_compared_with_label_by_processor_time"):
        found |= ranged(name, rounds(result[name]), ".2f")
    for name in ("label", "one", "two"):
        found |= ranged(f"{name}.others", rounds(run["others"] for run in result["compared"][name]), ".2f")
    return found


def cluster_simulation(result: Any) -> Figures:
    """For each size of the parts and number of nodes: efficiency, time, CPU hours and the share lost by each cause."""
    found = {"rows": f"{result['rows']:,}", "row_bytes": f"{result['row_bytes']:.0f}"}
    for case, runs in result["cases"].items():
        size = f"{case.partition(' ')[0]}-slow-driver" if "driver" in case else case
        found[f"{size}.parts"] = f"{runs[0]['parts']:,}"
        found[f"{size}.driver_limit"] = f"{result['driver_limits'][case]:,.0f}"
        good = [run["nodes"] for run in runs if run["efficiency"] >= result["goal"]]
        found[f"{size}.nodes"] = f"{max(good, default=0):,}"
        for run in runs:
            name = f"{size}.{run['nodes']}"
            found[f"{name}.efficiency"] = f"{run['efficiency']:.2f}"
            found[f"{name}.time"] = _duration(run["seconds"] / 3600)
            found[f"{name}.cpu_hours"] = f"{run['cpu_hours']:,.0f}"
            found |= {f"{name}.{cause}": f"{share:.1%}" for cause, share in run["losses"].items()}
    return found


def quota(result: Any) -> Figures:
    return ranged("times", rounds(each["quota"]["rate"] / each["pinned"]["rate"] for each in result), ".2f")


def ray_actors(result: Any) -> Figures:
    return ranged("two_actors", ratio(result["1"], result["2"]), ".2f")  # seconds of one actor, of two


def repeated_export(result: Any) -> Figures:
    """Seconds and processor seconds of an export that searches, and of one that reuses the search."""
    found: Figures = {}
    for way in ("searched", "reused"):
        for what in ("seconds", "processor_seconds"):
            found |= ranged(f"{way}.{what}", rounds(each[way][what] for each in result["rounds"]), ",.0f")
    return found


def replicas(result: Any) -> Figures:
    found: Figures = {}
    for name, signal in (("killed", "SIGKILL"), ("drained", "SIGTERM")):
        outcomes = result[signal]["outcomes"]
        requests = sum(outcomes.values())
        found |= ranged(f"{name}.seconds", rounds(result[signal]["empty_seconds"]), ".1f")
        found[f"{name}.times"] = str(result[signal]["times"])
        found |= {f"{name}.requests": f"{requests:,}", f"{name}.failed": f"{requests - outcomes['200']:,}"}
    return found


def startup(result: Any) -> Figures:
    seconds, resident = (rounds(run[name] for run in result["runs"]) for name in ("seconds", "resident_mb"))
    return {"seconds": f"{seconds.value:.2f}", "megabytes": f"{resident.value:.0f}"}


def training_speed(result: Any) -> Figures:
    speeds = result["examples_per_second"]
    return ranged("times", ratio(speeds["glossator"], speeds["trainer"]), ".1f")


def training_families(result: Any) -> Figures:
    """Parameters in millions and examples per second of one thread, and how many times the starter's time it takes."""
    found: Figures = {}
    starter = result["models"]["MiniLM (starter)"]["examples_per_second"]
    for name, each in result["models"].items():
        key = name.partition(" ")[0].lower()
        found[f"{key}.millions"] = f"{each['parameters'] / 1e6:.0f}"
        found[f"{key}.rate"] = f"{each['examples_per_second']:.0f}"
        found[f"{key}.times"] = f"{starter / each['examples_per_second']:.1f}"
    return found


def two_lanes(result: Any) -> Figures:
    return ranged("p99_ratio", rounds(each["busy_p99"] / each["idle_p99"] for each in result), ".2f")


def verify_damage(result: Any) -> Figures:
    damages = result["damages"]
    refused = sum(set(each["expected"]) <= set(each["caught_by"]) for each in damages)
    return {"damages": str(len(damages)), "refused": str(refused)}


def event_loop(result: Any) -> Figures:
    """The p99 of `/livez` in milliseconds while large answers are written: of the fastest and the slowest route."""
    found = [route["p99"] for route in result["routes"].values()]
    return {"least": f"{min(found):.0f}", "most": f"{max(found):.0f}"}


FIGURES: Mapping[str, Callable[[Any], Figures]] = {
    "accuracy-banking77": quality.accuracy,
    "accuracy-goemotions": quality.accuracy,
    "active_learning": quality.active_learning,
    "bulk": bulk,
    "cascade": quality.cascade,
    "cluster_simulation": cluster_simulation,
    "context": quality.context,
    "encoder_families": encoder_families,
    "engines": engines,
    "entity_errors": quality.entity_errors,
    "event_loop": event_loop,
    "explain": quality.explain,
    "false_alarms": quality.false_alarms,
    "encodings": quality.encodings,
    "families": quality.families,
    "faults": quality.faults,
    "first_page": pages.first_page,
    "heads": quality.heads,
    "heads_speed": heads_speed,
    "image": pages.image,
    "int8_kernels": int8_kernels,
    "invariance": quality.invariance,
    "job_history": job_history,
    "kill_sweep": kill_sweep,
    "label_audits": quality.label_audits,
    "label_errors": quality.label_errors,
    "ladder": quality.ladder,
    "learning_curves": quality.learning_curves,
    "drift": loop.drift,
    "drift_summaries": loop.drift_summaries,
    "live_accuracy": loop.live_accuracy,
    "live_f1": loop.live_f1,
    "log_cost": loop.log_cost,
    "long_attention": long_attention,
    "memory": memory,
    "memory_http": memory_http,
    "loop_story": loop.loop_story,
    "million_rows": million_rows,
    "mutants": mutants,
    "reader_fuzz": reader_fuzz,
    "online": online,
    "operators": operators,
    "out_of_scope": quality.out_of_scope,
    "overload": overload,
    "partitions": partitions,
    "promotion": loop.promotion,
    "quota": quota,
    "ray_actors": ray_actors,
    "release": pages.release,
    "repeated_export": repeated_export,
    "replicas": replicas,
    "review": quality.review,
    "review_keys": pages.review_keys,
    "startup": startup,
    "tasks": quality.tasks,
    "tfidf_characters": quality.tfidf_characters,
    "training_families": training_families,
    "training_speed": training_speed,
    "two_lanes": two_lanes,
    "verify_damage": verify_damage,
}
"""By the name of the benchmark, which is that of its folder in `benchmarks/results/`."""
