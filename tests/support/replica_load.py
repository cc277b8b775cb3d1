"""Replicas under load, killed and drained while they answer; what became of the requests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from asking_threads import AskingThreads
from prometheus_client.parser import text_string_to_metric_families
from servers import ROOT, environment

from glossator.service.api.replicas.replica_metrics import LABEL

CLIENTS = 4
START_SECONDS = 60.0


@contextmanager
def replicas(bundle: Path, count: int = 2) -> Iterator[tuple[psutil.Process, str]]:
    """The parent of some replicas, and the URL at which they answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "glossator", "serve", str(bundle), "--port", "0", "--replicas", str(count)],
        stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment({"queue_seconds": 30}),
    )  # fmt: skip
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.match(r"listening on (\S+), ", line)
        assert found is not None, line + process.stderr.read()
        yield psutil.Process(process.pid), found[1]
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


class Load(AskingThreads):
    """Clients that ask again and again, each on a connection of its own that it keeps; they try nothing again."""

    def __init__(self, url: str, model: str) -> None:
        super().__init__([self._ask] * CLIENTS)
        self._url = f"{url}/v1/models/{model}/predict"
        self.slowest = 0.0

    def _ask(self) -> None:
        while not self.over.is_set():
            with httpx.Client(timeout=10) as client:
                for _ in range(50):
                    if self.over.is_set():
                        return
                    began = time.monotonic()
                    try:
                        answer = client.post(self._url, json={"text": "the parcel thanks " * 5})
                        outcome = str(answer.status_code)
                    except httpx.HTTPError as error:
                        outcome = type(error).__name__
                    with self.lock:
                        self.outcomes[outcome] += 1
                        self.slowest = max(self.slowest, time.monotonic() - began)
                    if outcome != "200":
                        break  # a connection that failed is not used again


def children(parent: psutil.Process) -> list[psutil.Process]:
    """The replicas that run."""
    return [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]


@dataclass(frozen=True, slots=True)
class Loop:
    """What became of the requests while replicas came and went, and how long each one's place was empty."""

    load: Load
    empty_seconds: list[float] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Requests without an answer of 200."""
        return self.load.outcomes.total() - self.load.outcomes["200"]


def loop(bundle: Path, times: int, kind: signal.Signals, *, between: float = 1.0) -> Loop:
    """Under load, sends one of two replicas a signal and waits until two answer again; as often as is said."""
    with replicas(bundle) as (parent, url), Load(url, bundle.name) as load:
        made = Loop(load)
        for _ in range(times):
            time.sleep(between)
            before = children(parent)
            assert len(before) == 2, before
            os.kill(before[0].pid, kind)
            if kind == signal.SIGTERM:
                before[0].wait(30)
            gone, gone_at = time.monotonic(), time.time()
            while len({child.pid for child in children(parent)} - {before[0].pid}) < 2:
                assert time.monotonic() - gone < START_SECONDS, "no replica was started in the place"
                time.sleep(0.02)
            while not answered_since(url, gone_at):
                assert time.monotonic() - gone < 120, "the replica in the place does not answer"
                time.sleep(0.05)
            made.empty_seconds.append(time.monotonic() - gone)
    return made


def answered_since(url: str, moment: float) -> bool:
    """Whether there are two replicas, one of which was started since and has answered requests."""
    try:
        families = {each.name: each for each in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)}
    except httpx.HTTPError:  # the connection was to the one that was killed
        return False
    started = {each.labels[LABEL]: each.value for each in families["process_start_time_seconds"].samples}
    counted = Counter[str]()
    for each in families["glossator_model_requests"].samples:
        if each.name.endswith("_total"):
            counted[each.labels[LABEL]] += int(each.value)
    return len(started) == 2 and any(counted[number] > 0 for number, when in started.items() if when > moment - 1)
