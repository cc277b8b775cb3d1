"""What the prediction log, logged texts and a shadow cost a server: throughput at 32 clients, and p99.

    python -m benchmarks.loop.log_cost [BUNDLE] [--seconds 5] [--rounds 9]        (default: demo/tickets)

Each variant has a server of its own on one CPU; the clients have another. All servers but the measured one are stopped
(SIGSTOP), and the variants take turns in an order that rotates, so that changes of the machine meet all of them. A
round measures each variant twice: a closed loop of 32 clients, and requests at random times with 40 % of the throughput
of the server without a log, counted from when they were due. Texts have at most eight words, so that 32 clients are
not refused. The processor has other things to do now and then, which a ratio of throughputs shows as noise; the time of
the processor for each answer is compared too. The shadow is a copy of the bundle with another digest, so
it takes as long as the live version. Writes benchmarks/results/log_cost/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import texts as texts_of
from benchmarks.common.processor_time import cpu_seconds
from benchmarks.common.results import ROOT, write_report, write_result
from benchmarks.reliability.overload import Client, open_loop, p99
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.writer import write_manifest
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.registry import Registry

CLIENTS = 32
LOAD = 0.4
"""Of the throughput of the server without a log: the load at which p99 is measured."""
SHADOW = 0.2
WARM_UP_SECONDS = 4.0
"""The server measures the machine once, during the first requests."""
PAUSE = 0.02
"""Seconds after a refusal."""
WORDS = 8
"""Of each text."""
VARIANTS = {
    "none": "no log",
    "log": "--log",
    "texts": "--log --log-texts",
    "shadow": f"--log --shadow {SHADOW}",
}
AIM = "at least 98 %"

Round = dict[str, dict[str, float]]
"""Variant to its figures."""


class Server:
    """A server of one variant on one CPU. It is stopped except while it is measured."""

    def __init__(self, variant: str, registry: Path, name: str, folder: Path, cpu: int) -> None:
        options = ["--models", str(registry), "--port", "0", "--threads", "1"]
        options += [] if variant == "none" else ["--log", str(folder / variant)]
        options += ["--log-texts"] if variant == "texts" else []
        options += ["--shadow", f"{name}=challenger:{SHADOW}"] if variant == "shadow" else []
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), sys.executable, "-m", "glossator", "serve", *options],
            stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"GLOSSATOR_QUEUE_SECONDS": "30", "GLOSSATOR_FREE_DISK_BYTES": "0"},
        )  # fmt: skip
        assert self.process.stderr is not None
        printed = []
        while not (line := self.process.stderr.readline()).startswith("listening"):
            printed.append(line)
            if not line:
                self.process.communicate()
                raise RuntimeError("the server did not start:\n" + "".join(printed))
        self.host, _, port = line.strip().rpartition("//")[2].partition(":")
        self.port = int(port)

    def metrics(self) -> dict[str, float]:
        """The sum of each metric over its labels."""
        found: dict[str, float] = {}
        with urllib.request.urlopen(f"http://{self.host}:{self.port}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if not line.startswith("#"):
                    name = line.partition("{")[0].partition(" ")[0]
                    found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
        return found

    def cpu_seconds(self) -> float:
        """The time of the processor that it has taken."""
        return cpu_seconds(self.process.pid)

    def halt(self) -> None:
        """Take no processor time from now on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Go on after `halt`."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server."""
        self.go_on()
        self.process.terminate()
        self.process.communicate(timeout=60)


class Closed(NamedTuple):
    """What a closed loop came to."""

    throughput: float
    """Answers a second."""
    took: list[float]
    """The seconds of each."""
    refused: int


async def closed_loop(client: Client, bodies: Sequence[bytes], seconds: float) -> Closed:
    """Each client asks as soon as it is answered, and pauses after a refusal."""
    took: list[float] = []
    refused = [0]
    until = time.perf_counter() + seconds

    async def one(number: int) -> None:
        while (began := time.perf_counter()) < until:
            status, _ = await client.ask(bodies[number % len(bodies)])
            number += CLIENTS
            if status == 200:
                took.append(time.perf_counter() - began)
            elif status == 429:
                refused[0] += 1
                await asyncio.sleep(PAUSE)
            else:
                raise RuntimeError(f"a request was answered with {status}")

    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return Closed(len(took) / (time.perf_counter() - began), took, refused[0])


async def measure(server: Server, name: str, bodies: list[bytes], seconds: float, rate: float) -> dict[str, float]:
    """The figures of one variant in one round. `rate`: requests a second of the open loop; 0: 40 % of its own."""
    server.go_on()
    before = server.metrics()
    client = Client(server.host, server.port, f"/v1/models/{name}/predict")
    used = server.cpu_seconds()
    throughput, took, refused = await closed_loop(client, bodies, seconds)
    used = server.cpu_seconds() - used
    busy = server.metrics()
    calm = await open_loop(client, bodies, rate or LOAD * throughput, seconds)
    after = server.metrics()
    await client.close()
    server.halt()

    def shadowed(first: Mapping[str, float], last: Mapping[str, float]) -> tuple[float, float]:
        names = ("glossator_shadow_answers_total", "glossator_shadow_dropped_total")
        answers, dropped = (last.get(each, 0.0) - first.get(each, 0.0) for each in names)
        return answers, dropped

    (busy_answers, busy_dropped), (calm_answers, calm_dropped) = shadowed(before, busy), shadowed(busy, after)
    return {
        "throughput": throughput,
        "cpu_ms": 1e3 * used / len(took),
        "p99": p99(took),
        "calm_p50": 1e3 * statistics.median(calm.accepted),
        "calm_p99": p99(calm.accepted),
        "requests": float(len(took)),
        "refused": float(refused),
        "calm_requests": float(len(calm.accepted)),
        "log_dropped": after.get("glossator_log_dropped_total", 0.0) - before.get("glossator_log_dropped_total", 0.0),
        "shadow_answers": busy_answers,
        "shadow_dropped": busy_dropped,
        "calm_shadow_answers": calm_answers,
        "calm_shadow_dropped": calm_dropped,
    }


def registry_with_challenger(bundle: Path, folder: Path) -> tuple[Path, str]:
    """A registry with the bundle as champion and a copy with another digest as challenger, and their name."""
    opened = read_bundle(bundle)
    registry = Registry(folder / "registry")
    copy = folder / "copy" / opened.name
    shutil.copytree(bundle, copy)
    served = opened.manifest.served
    other = served.model_copy(update={"reason": f"{served.reason} (copy)"})
    write_manifest(copy, opened.manifest.model_copy(update={"served": other}))
    registry.add(bundle)
    registry.add(copy, alias="challenger")
    return registry.root, opened.name


def run(bundle: Path, variants: Sequence[str], *, seconds: float, rounds: int, warm_up: float) -> list[Round]:
    """Measure the variants in turns."""
    cpus = sorted(os.sched_getaffinity(0))
    bodies = [json.dumps({"text": " ".join(text.split()[:WORDS])}).encode() for text in texts_of.tickets()]
    servers: dict[str, Server] = {}
    found: list[Round] = []
    with tempfile.TemporaryDirectory() as temporary:
        registry, name = registry_with_challenger(bundle, Path(temporary))
        try:
            for variant in variants:
                servers[variant] = Server(variant, registry, name, Path(temporary), cpus[0])
                asyncio.run(_warm_up(servers[variant], name, bodies, warm_up))
            os.sched_setaffinity(0, {cpus[-1]})
            for number in range(rounds):
                order = [*variants[number % len(variants) :], *variants[: number % len(variants)]]
                rate = LOAD * found[-1][variants[0]]["throughput"] if found else 0.0
                figures = {each: asyncio.run(measure(servers[each], name, bodies, seconds, rate)) for each in order}
                found.append({each: figures[each] for each in variants})
                print(json.dumps(found[-1]), file=sys.stderr)
        finally:
            os.sched_setaffinity(0, set(cpus))
            for server in servers.values():
                server.close()
    return found


async def _warm_up(server: Server, name: str, bodies: list[bytes], seconds: float) -> None:
    client = Client(server.host, server.port, f"/v1/models/{name}/predict")
    await closed_loop(client, bodies, seconds)
    await client.close()
    server.halt()


def report(found: Sequence[Round], machine: str, seconds: float) -> str:
    """The tables in Markdown."""
    variants = list(found[0])
    base = variants[0]

    def middle(values: Sequence[float], form: str) -> str:
        return f"{form} ({form} to {form})".format(statistics.median(values), min(values), max(values))

    def column(variant: str, figure: str) -> list[float]:
        return [each[variant][figure] for each in found]

    def ratios(variant: str, figure: str) -> list[float]:
        return [each[variant][figure] / each[base][figure] for each in found]

    rows = []
    for variant in variants:
        rows.append([
            VARIANTS[variant],
            middle(column(variant, "throughput"), "{:,.0f}"),
            "" if variant == base else middle(ratios(variant, "throughput"), "{:.1%}"),
            middle(column(variant, "cpu_ms"), "{:.2f}"),
            "" if variant == base else middle(ratios(variant, "cpu_ms"), "{:.1%}"),
            middle(column(variant, "p99"), "{:,.1f}"),
            middle(column(variant, "calm_p50"), "{:,.1f}"),
            middle(column(variant, "calm_p99"), "{:,.1f}"),
        ])  # fmt: skip
    calm = [f"p50 at {LOAD:.0%}, ms", f"p99 at {LOAD:.0%}, ms"]
    head = [
        "server", "requests/s, 32 clients", "of that without a log", "processor ms an answer", "of that without a log",
        "p99, 32 clients, ms", *calm,
    ]  # fmt: skip
    lines = [
        "# Cost of the prediction log and of a shadow", "",
        f"{machine}; the server on one of them, the clients on the other. {len(found)} rounds of {seconds:g} s for "
        "each figure, in turns; medians with the range. Repeat with `python -m benchmarks.loop.log_cost`.", "",
        markdown_table(head, rows), "",
        f"The log must leave {AIM} of the throughput. Answers that it dropped: "
        f"{sum(sum(column(each, 'log_dropped')) for each in variants):,.0f}. Requests that were refused: "
        f"{sum(sum(column(each, 'refused')) for each in variants):,.0f}.",
    ]  # fmt: skip
    if "shadow" in variants:
        lines += ["", *_shadow_lines(found)]
    return "\n".join(lines)


def _shadow_lines(found: Sequence[Round]) -> list[str]:
    def total(figure: str) -> float:
        return sum(each["shadow"][figure] for each in found)

    return [
        f"The shadow answers while no request needs the processor: {total('shadow_answers'):,.0f} of "
        f"{total('requests'):,.0f} texts at 32 clients ({total('shadow_dropped'):,.0f} dropped), "
        f"{total('calm_shadow_answers'):,.0f} of {total('calm_requests'):,.0f} at {LOAD:.0%} "
        f"({total('calm_shadow_dropped'):,.0f} dropped). Those that waited at the end of the closed loop are answered "
        "in the open one."
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=ROOT / "demo" / "tickets")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    machine = describe_machine()[0]
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two CPUs are needed: one for the server, one for the clients")
    found = run(options.bundle, list(VARIANTS), seconds=options.seconds, rounds=options.rounds, warm_up=WARM_UP_SECONDS)
    text = report(found, machine, options.seconds)
    write_report("log_cost", text)
    write_result("log_cost", found)
    print(text)


if __name__ == "__main__":
    main()
