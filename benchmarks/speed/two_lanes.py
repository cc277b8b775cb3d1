"""Latency of single requests with and without a bulk job running at the same time.

    python -m benchmarks.speed.two_lanes BUNDLE [--rounds 9] [--seconds 6] [--rate 20] [--text FILE]

A server is started with `glossator serve --jobs`. Requests of one text each arrive at a fixed rate, whether or not
earlier ones have been answered (open loop); a latency counts from the moment at which its request was due. Rounds
without and with a running job alternate. Writes benchmarks/results/two_lanes/.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import numpy as np

from benchmarks.common.results import write_report, write_result
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine

TEXTS = ("my card has not arrived yet", "how do I change my PIN", "the exchange rate is wrong", "top up failed again")
ROWS = 2_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rate", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "glossator", "serve", str(options.bundle), "--port", "0", "--jobs", folder]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr is not None
                url = next(line for line in server.stderr if line.startswith("listening")).split()[-1]
                rounds = measure(url, options)
            finally:
                server.terminate()
    write(rounds, options)


def measure(url: str, options: argparse.Namespace) -> list[dict[str, float]]:
    """The figures of each round."""
    with httpx.Client(base_url=url, timeout=120) as client:
        name = client.get("/v1/models").json()["models"][0]["name"]
        asyncio.run(ask(url, name, options.rate, 3.0))  # warms up
        rows = "text\n" + "".join(f"{TEXTS[number % 4]} {number}\n" for number in range(ROWS))
        job = client.post("/v1/jobs", data={"model": name}, files={"file": ("rows.csv", rows.encode())}).json()["id"]
        found = []
        for _ in range(options.rounds):
            client.post(f"/v1/jobs/{job}/cancel")
            time.sleep(3.0)
            idle = asyncio.run(ask(url, name, options.rate, options.seconds))
            client.post(f"/v1/jobs/{job}/retry")
            while client.get(f"/v1/jobs/{job}").json()["state"] != "running":
                time.sleep(0.1)
            time.sleep(4.0)
            before = client.get(f"/v1/jobs/{job}").json()["rows"]
            began = time.perf_counter()
            busy = asyncio.run(ask(url, name, options.rate, options.seconds))
            done = client.get(f"/v1/jobs/{job}").json()["rows"] - before
            found.append({
                "idle_p50": pct(idle, 50), "idle_p99": pct(idle, 99), "busy_p50": pct(busy, 50),
                "busy_p99": pct(busy, 99), "bulk_rows_per_second": done / (time.perf_counter() - began),
            })  # fmt: skip
            print(found[-1], flush=True)
        return found


async def ask(url: str, name: str, rate: float, seconds: float) -> list[float]:
    """Latencies in milliseconds."""
    latencies: list[float] = []

    async def one(client: httpx.AsyncClient, number: int, due: float) -> None:
        answer = await client.post(f"/v1/models/{name}/predict", json={"text": TEXTS[number % 4]})
        answer.raise_for_status()
        latencies.append(1_000 * (time.perf_counter() - due))

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        began, waiting = time.perf_counter(), []
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waiting.append(asyncio.create_task(one(client, number, due)))
        await asyncio.gather(*waiting)
    return latencies


def pct(latencies: list[float], which: float) -> float:
    return round(float(np.percentile(latencies, which)), 2)


def write(rounds: list[dict[str, float]], options: argparse.Namespace) -> None:
    """Writes both result files."""

    def summary(name: str) -> str:
        values = [each[name] for each in rounds]
        return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"

    ratios = [each["busy_p99"] / each["idle_p99"] for each in rounds]
    header = ["", "p50 ms", "p99 ms", "rows/s of the job"]
    rows = [
        ["no job", summary("idle_p50"), summary("idle_p99"), ""],
        ["a job runs", summary("busy_p50"), summary("busy_p99"), summary("bulk_rows_per_second")],
    ]
    text = "\n".join([
        "# Requests during a bulk job", "",
        f"{describe_machine()[0]}. {options.rate:g} requests a second, open loop, {options.rounds} rounds of "
        f"{options.seconds:g} s each way, client and server on the same CPUs. Repeat with "
        "`python -m benchmarks.speed.two_lanes BUNDLE`.", "", markdown_table(header, rows), "",
        f"p99 during a job is {median(ratios):.2f} times that without ({min(ratios):.2f} to {max(ratios):.2f}).",
    ])  # fmt: skip
    write_report("two_lanes", text)
    write_result("two_lanes", rounds)
    print(text)


if __name__ == "__main__":
    main()
