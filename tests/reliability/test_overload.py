"""R1: a slice of `benchmarks/reliability/overload.py`, of what is no matter of speed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from servers import server
from vote_bundle import vote_bundle

from benchmarks.reliability.overload import Client, Outcome, closed_loop, open_loop

TEXTS = ["the parcel thanks money " * count for count in (4, 16, 32)]


async def _three_times_too_much(url: str) -> Outcome:
    host, _, port = url.rpartition("//")[2].partition(":")
    client = Client(host, int(port), "/v1/models/intents/predict")
    bodies = [json.dumps({"text": text}).encode() for text in TEXTS]
    try:
        peak = (await closed_loop(client, bodies, 2.0)).goodput
        return await open_loop(client, bodies, 3.0 * peak, 4.0)
    finally:
        await client.close()


def test_what_is_too_much_is_refused_with_the_time_to_come_back(tmp_path: Path) -> None:
    bundle = vote_bundle(tmp_path / "intents", "single_label_classification", ballast=1024)
    with server(bundle, queue_seconds=0.02) as running:
        outcome = asyncio.run(_three_times_too_much(running.url))
    assert set(outcome.statuses) == {200, 429}, outcome.statuses
    assert min(outcome.statuses.values()) > 20, outcome.statuses
    assert outcome.without_retry_after == 0
    assert outcome.alive  # /livez was answered, each time with 200; how soon is a matter of the benchmark
