"""Open-loop load at 80 % and at 300 % of the capacity: latency of accepted requests, and how refusals are answered.

    python -m benchmarks.reliability.overload [BUNDLE] [--seconds 15] [--rounds 5]        (default: demo/tickets)

The server has one CPU and the clients another, so that the load does not take what it measures. Capacity is what a
closed loop of 8 connections gets; goodput is compared with its mean before and after. Open-loop requests come at times
of a Poisson process and do not wait for earlier answers. Times count from when a request was due. Writes
benchmarks/results/overload/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import texts as texts_of
from benchmarks.common.results import ROOT, write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

CONNECTIONS = 8
MOST_CONNECTIONS = 400


@dataclass
class Outcome:
    """What became of the requests of one load."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    alive: list[float] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        """Answers a second."""
        return self.statuses[200] / self.seconds


class Client:
    """Connections that are kept, one request at a time each; HTTP/1.1 as plain as it goes, to cost little."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host, self._port, self._path = host, port, path
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._made: list[asyncio.StreamWriter] = []

    async def ask(self, body: bytes | None, path: str | None = None) -> tuple[int, bool]:
        """The status of an answer, and whether it says when to ask again."""
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        method = "GET" if body is None else "POST"
        head = f"{method} {path or self._path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + (body or b""))
        raw = await reader.readuntil(b"\r\n\r\n")
        lines = raw.decode("latin-1").lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length"))
        await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(lines[0].split()[1]), any(line.startswith("retry-after:") for line in lines)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self._made.append(writer)
        return reader, writer

    @property
    def connections(self) -> int:
        """How many were made."""
        return len(self._made)

    async def close(self) -> None:
        """Closes all connections, one too on which an answer is awaited no more."""
        for writer in self._made:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._made), return_exceptions=True)


async def closed_loop(client: Client, bodies: list[bytes], seconds: float) -> Outcome:
    """Each connection asks as soon as it is answered."""
    outcome = Outcome(seconds)
    until = time.perf_counter() + seconds

    async def one(number: int) -> None:
        while (began := time.perf_counter()) < until:
            status, _ = await client.ask(bodies[number % len(bodies)])
            number += CONNECTIONS
            outcome.statuses[status] += 1
            outcome.accepted.append(time.perf_counter() - began)

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    return outcome


async def open_loop(client: Client, bodies: list[bytes], rate: float, seconds: float) -> Outcome:
    """Requests at random times, `rate` a second in the mean."""
    outcome = Outcome(seconds)
    tasks: set[asyncio.Task[None]] = set()

    async def one(body: bytes, due: float) -> None:
        status, retry_after = await client.ask(body)
        took = time.perf_counter() - due
        outcome.statuses[status] += 1
        if status == 200:
            outcome.accepted.append(took)
        elif status == 429:
            outcome.refused.append(took)
            outcome.without_retry_after += not retry_after

    async def live() -> None:
        while True:
            began = time.perf_counter()
            status, _ = await client.ask(None, "/livez")
            assert status == 200
            outcome.alive.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)

    probe = asyncio.create_task(live())
    chance = random.Random(1)
    began = due = time.perf_counter()
    number = 0
    while due < began + seconds:
        due += chance.expovariate(rate)
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        while len(tasks) >= MOST_CONNECTIONS:
            await asyncio.sleep(0.001)
        task = asyncio.create_task(one(bodies[number % len(bodies)], due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)
    probe.cancel()
    with suppress(asyncio.CancelledError):
        await probe
    outcome.seconds = time.perf_counter() - began
    return outcome


def p99(values: list[float]) -> float:
    """The 99th percentile, in milliseconds; 0 where there are none."""
    return 1e3 * sorted(values)[int(0.99 * (len(values) - 1))] if values else 0.0


async def measure(
    host: str, port: int, name: str, bodies: list[bytes], seconds: float, rounds: int
) -> list[dict[str, float]]:
    """The figures of each round: capacity, then 80 %, then 300 % of it."""
    found = []
    for number in range(-1, rounds):  # the first warms up
        client = Client(host, port, f"/v1/models/{name}/predict")
        peak = (await closed_loop(client, bodies, seconds / 2)).goodput
        calm = await open_loop(client, bodies, 0.8 * peak, seconds)
        full = await open_loop(client, bodies, 3.0 * peak, seconds)
        after = (await closed_loop(client, bodies, seconds / 2)).goodput
        await client.close()
        if number < 0:
            continue
        offered, peak = full.statuses.total() / full.seconds / peak, (peak + after) / 2
        found.append({
            "peak": peak, "p99_at_80": p99(calm.accepted), "refused_at_80": calm.statuses[429] / calm.statuses.total(),
            "p99_at_300": p99(full.accepted), "goodput_at_300": full.goodput / peak,
            "refused_p99": p99(full.refused), "refused": full.statuses[429] / full.statuses.total(),
            "offered": offered,
            "server_errors": sum(count for status, count in (full.statuses + calm.statuses).items() if status >= 500),
            "without_retry_after": full.without_retry_after + calm.without_retry_after,
            "livez_p99": p99(full.alive), "connections": client.connections,
        })  # fmt: skip
        print(json.dumps(found[-1]), file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=ROOT / "demo" / "tickets")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.machine = describe_machine()[0]
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("two CPUs are needed: one for the server, one for the clients")
    bodies = [json.dumps({"text": text}).encode() for text in texts_of.tickets()]
    server = subprocess.Popen(
        ["taskset", "-c", str(cpus[0]), sys.executable, "-m", "glossator", "serve", str(options.bundle), "--port", "0"],
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert server.stderr is not None
        printed = []
        for line in server.stderr:
            printed.append(line)
            if line.startswith("listening"):
                break
        else:
            sys.exit("the server did not start:\n" + "".join(printed))
        host, _, port = line.strip().rpartition("//")[2].partition(":")
        os.sched_setaffinity(0, set(cpus[1:2]))
        time.sleep(4)  # the server measures the machine once, during the first requests
        found = asyncio.run(measure(host, int(port), options.bundle.name, bodies, options.seconds, options.rounds))
    finally:
        server.terminate()
        server.wait()
    write(found, options)


def write(found: list[dict[str, float]], options: argparse.Namespace) -> None:
    """Writes both result files."""

    def middle(name: str, form: str = "{:,.1f}") -> str:
        values = [each[name] for each in found]
        return f"{form} ({form} to {form})".format(statistics.median(values), min(values), max(values))

    rows = [
        ["capacity, requests/s (closed loop, 8 connections)", middle("peak", "{:,.0f}"), ""],
        ["p99 at 80 %, ms", middle("p99_at_80"), ""],
        ["refused at 80 %", middle("refused_at_80", "{:.2%}"), ""],
        ["p99 of what is accepted at 300 %, ms", middle("p99_at_300"), "at most twice that at 80 %"],
        ["goodput at 300 %, of the capacity", middle("goodput_at_300", "{:.0%}"), "at least 90 %"],
        ["refused (429) at 300 %", middle("refused", "{:.0%}"), ""],
        ["p99 of refusals, ms", middle("refused_p99"), "under 50"],
        ["refusals without Retry-After", str(int(sum(each["without_retry_after"] for each in found))), "0"],
        ["server errors (5xx)", str(int(sum(each["server_errors"] for each in found))), "0"],
        ["p99 of `/livez` at 300 %, ms", middle("livez_p99"), "answers"],
        ["load that was offered, times the capacity", middle("offered", "{:.2f}"), ""],
    ]
    ratio = [each["p99_at_300"] / each["p99_at_80"] for each in found]
    text = "\n".join([
        "# Overload", "",
        f"{options.machine}; the server on one of them, the clients on the other. {len(found)} rounds of "
        f"{options.seconds:g} s each, medians with the range. "
        "Repeat with `python -m benchmarks.reliability.overload`.", "",
        f"p99 of what is accepted at 300 % is {statistics.median(ratio):.2f} times that at 80 % "
        f"({min(ratio):.2f} to {max(ratio):.2f}).", "",
        markdown_table(["what", "median (range)", "aim"], rows),
    ])  # fmt: skip
    write_report("overload", text)
    write_result("overload", found)
    print(text)


if __name__ == "__main__":
    main()
