"""One text per request over HTTP: Glossator's server against others, with 32 clients and with one.

    python -m benchmarks.speed.online [--checkpoint CHECKPOINT] [--bundle BUNDLE] [--servers ours,litserve] [--rounds 9]

`python -m benchmarks.quality.accuracy banking77` writes CHECKPOINT and BUNDLE to work/banking77. Every server has a
process of its own, which is stopped (SIGSTOP) while another is measured. The client is the same for all, keeps its
connections, runs on the same CPUs as the server, and sends a refused text (status 429) again after the time that the
server names. Rivals run at the setting that was fastest in this run. The same
rounds measure the same texts in bulk in one process, and a bare session call on token ids. Writes
benchmarks/results/online/.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
import uvloop
from tokenizers import Tokenizer

from benchmarks.common import texts as texts_of
from benchmarks.common.engine_options import parser
from benchmarks.common.processor_time import cpu_seconds
from benchmarks.common.results import ROOT, write_report, write_result
from benchmarks.speed.engines import Worker
from glossator.evaluation.markdown import markdown_table
from glossator.service.bundle.reader import read_bundle
from glossator.service.inference.runtime.machine import describe_machine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "rivals"))
from environments import python_of  # noqa: E402

CLIENTS = 32
COUNTS = {"short": 2_000, "mixed": 600}
ALONE = 200
"""Requests that the single client sends in a round."""
SAMPLE = 400
LEAST_ACCURACY = 0.9
"""On banking77's test texts; every engine here reaches 0.93."""

Setting = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a server is started and spoken to."""

    title: str
    settings: Sequence[Setting]
    command: Callable[[argparse.Namespace, int, Setting], list[str]]
    path: str
    body: Callable[[str], dict[str, Any]]
    label: Callable[[dict[str, Any] | list[Any]], str]


def _ours(options: argparse.Namespace, port: int, setting: Setting) -> list[str]:
    return [sys.executable, "-m", "glossator", "serve", str(options.bundle), "--port", str(port)]


def _litserve(options: argparse.Namespace, port: int, setting: Setting) -> list[str]:
    python, graph = python_of("litserve", options.work), options.work / "engines" / "stock-int8.onnx"
    values = (options.checkpoint, graph, port, setting["batch"], setting["wait"], setting["workers"])
    return [str(python), str(HERE / "rivals/litserve_int8.py"), *(str(value) for value in values)]


def _infinity(options: argparse.Namespace, port: int, setting: Setting) -> list[str]:
    program = python_of("infinity", options.work).with_name("infinity_emb")
    model = ["--model-id", str(options.checkpoint), "--served-model-name", "model", "--engine", "torch"]
    speed = ["--device", "cpu", "--dtype", setting["dtype"], "--batch-size", str(setting["batch"])]
    plain = ["--no-bettertransformer", "--no-compile", "--no-model-warmup", "--log-level", "error"]
    return [str(program), "v2", *model, *speed, *plain, "--port", str(port), "--host", "127.0.0.1"]


KINDS = {
    "ours": Kind(
        "Glossator, int8", [{}], _ours, "/v1/models/banking77/predict",
        lambda text: {"text": text, "top_k": 1}, lambda answer: answer["results"][0]["labels"][0],  # type: ignore[call-overload]
    ),
    "litserve": Kind(
        "LitServe, ONNX Runtime stock int8",
        [{"batch": batch, "wait": wait, "workers": workers}
         for batch, wait, workers in ((8, 0.0, 1), (32, 0.0, 1), (32, 0.005, 1), (8, 0.002, 2), (16, 0.005, 2))],
        _litserve, "/predict", lambda text: {"text": text}, lambda answer: answer["label"],  # type: ignore[call-overload]
    ),
    "infinity": Kind(
        "infinity, torch",
        [{"batch": batch, "dtype": dtype} for batch, dtype in ((8, "float32"), (32, "float32"), (32, "bfloat16"))],
        _infinity, "/classify", lambda text: {"model": "model", "input": [text]},
        lambda answer: max(answer["data"][0], key=lambda each: each["score"])["label"],  # type: ignore[call-overload]
    ),
}  # fmt: skip


class Asked(NamedTuple):
    """Seconds in all, milliseconds of each text with what it waited after a refusal, the labels, and the refusals."""

    seconds: float
    took: list[float]
    labels: list[str]
    refused: int


class Refused(NamedTuple):
    """The answer of a server with too much work, and after how many seconds it asks to be tried again."""

    seconds: float


class Server:
    """A server's process, asked by a client that keeps its connections."""

    def __init__(self, name: str, options: argparse.Namespace, setting: Setting) -> None:
        self.kind = KINDS[name]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1",
            "INFINITY_ANONYMOUS_USAGE_STATS": "0", "OMP_WAIT_POLICY": "PASSIVE",
        }  # fmt: skip
        self._log = options.work / f"server-{name}.log"
        with self._log.open("w") as log:
            command = self.kind.command(options, self._port, setting)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        self._wait()

    def ask(self, texts: Sequence[str], clients: int) -> Asked:
        """Send one text a request from a number of clients at once."""
        return uvloop.run(self._ask(texts, clients))

    def halt(self) -> None:
        """Takes no processor time from here on."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """The processor time that its processes have taken."""
        return cpu_seconds(self._process.pid)

    def close(self) -> None:
        self.go_on()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                self.ask(["Where is my card?"], 1)
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.2)
            else:
                return
        self.close()
        raise RuntimeError(f"the server did not start; see {self._log}")

    async def _ask(self, texts: Sequence[str], clients: int) -> Asked:
        took, labels, refused = [0.0] * len(texts), [""] * len(texts), 0
        numbered = iter(enumerate(texts))
        loop = asyncio.get_running_loop()

        async def client() -> None:
            nonlocal refused
            transport, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
            try:
                for index, text in numbered:
                    body = json.dumps(self.kind.body(text)).encode()
                    head = (
                        f"POST {self.kind.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n"
                    )
                    began = time.perf_counter()
                    transport.write(head.encode() + body)
                    answer = await connection.answer()
                    while isinstance(answer, Refused):
                        refused += 1
                        await asyncio.sleep(answer.seconds)
                        transport.write(head.encode() + body)
                        answer = await connection.answer()
                    took[index] = 1000 * (time.perf_counter() - began)
                    labels[index] = self.kind.label(json.loads(answer))
            finally:
                transport.close()

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return Asked(time.perf_counter() - began, took, labels, refused)


class _Connection(asyncio.Protocol):
    """Reads one answer after another, and takes little of the time that the server needs on the same CPUs."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[bytes | Refused] = asyncio.get_running_loop().create_future()

    async def answer(self) -> bytes | Refused:
        """The body of the next answer; raises OSError if the server closes, RuntimeError if it is not 200 or 429."""
        body = await self._answer
        self._answer = asyncio.get_running_loop().create_future()
        return body

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end or self._answer.done():
            return
        status = bytes(head[len(b"HTTP/1.1 ") :][:3])
        if status not in {b"200", b"429"}:
            self._answer.set_exception(RuntimeError(head.decode(errors="replace")))
            return
        length = int(_header(head, b"content-length"))
        if len(rest) >= length:
            self._received = rest[length:]
            refused = status == b"429"
            self._answer.set_result(Refused(float(_header(head, b"retry-after"))) if refused else bytes(rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))
            self._answer.exception()  # read: it is no fault where nobody waits any more


def _header(head: bytearray, name: bytes) -> bytearray:
    return head.lower().split(name + b":")[1].split(b"\r\n")[0]


@dataclass
class Measured:
    """What one server came to on one set of texts, a figure a round."""

    rate: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    alone_p50: list[float] = field(default_factory=list)
    alone_p99: list[float] = field(default_factory=list)
    server_ms: list[float] = field(default_factory=list)
    """Milliseconds of processor time that a request of one of the 32 clients takes the server."""
    client_ms: list[float] = field(default_factory=list)
    """The same for the clients."""
    refused: list[int] = field(default_factory=list)
    """Requests that the server refused to the 32 clients."""


class Bare:
    """The served graph in a session, called with token ids: what no server can be faster than."""

    def __init__(self, options: argparse.Namespace) -> None:
        bundle = read_bundle(options.bundle)
        settings = ort.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = 1, 1
        graph = str(bundle.path / bundle.manifest.served.graph)
        self._session = ort.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(options.checkpoint / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(256)

    def p50(self, texts: Sequence[str]) -> float:
        """Median milliseconds of a call with one text."""
        took = []
        for text in texts:
            ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
            began = time.perf_counter()
            self._session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
            took.append(1000 * (time.perf_counter() - began))
        return statistics.median(took)


def draw(options: argparse.Namespace, kind: str, seed: int) -> list[str]:
    """Texts that no other seed draws in this order."""
    texts = texts_of.short(options.data, seed) if kind == "short" else texts_of.mixed(options.data, seed)
    return texts[: COUNTS[kind]]


def tune(name: str, options: argparse.Namespace) -> tuple[Setting, int]:
    """The setting with the highest rate on short texts, and how many were tried."""
    settings, rates = KINDS[name].settings, []
    if len(settings) == 1:
        return settings[0], 1
    for setting in settings:
        server = Server(name, options, setting)
        server.ask(draw(options, "short", 1000)[:100], CLIENTS)
        rates.append(SAMPLE / server.ask(draw(options, "short", 1001)[:SAMPLE], CLIENTS).seconds)
        server.close()
        print(f"· {name} with {setting}: {rates[-1]:,.0f} texts/s", flush=True)
    return settings[rates.index(max(rates))], len(settings)


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--servers", default=",".join(KINDS))
    asked.add_argument("--rounds", type=int, default=9)
    options = asked.parse_args()
    for place in ("checkpoint", "bundle", "work"):
        setattr(options, place, getattr(options, place).resolve())
    names = options.servers.split(",")
    settings = {name: tune(name, options) for name in names}
    servers, bulk, bare = {}, Worker("ours", options.work), Bare(options)
    bulk.ask(do="prepare", checkpoint=str(options.checkpoint), bundle=str(options.bundle), work=str(options.work))
    gold = dict(texts_of.banking77_test(options.data))
    measured = {(name, kind): Measured() for name in names for kind in COUNTS}
    bulk_rates: dict[str, list[float]] = {kind: [] for kind in COUNTS}
    bulk_ms: dict[str, list[float]] = {kind: [] for kind in COUNTS}
    bare_p50: dict[str, list[float]] = {kind: [] for kind in COUNTS}
    try:
        for name in names:
            servers[name] = Server(name, options, settings[name][0])
            for kind in COUNTS:
                servers[name].ask(draw(options, kind, 2000)[:200], CLIENTS)
            servers[name].halt()
        for number, kind in itertools.product(range(options.rounds), COUNTS):
            texts = draw(options, kind, number)
            began = cpu_seconds(bulk.process)
            bulk_rates[kind].append(len(texts) / bulk.ask(do="run", texts=texts, setting={})["seconds"])
            bulk_ms[kind].append(1000 * (cpu_seconds(bulk.process) - began) / len(texts))
            bare_p50[kind].append(bare.p50(texts[:ALONE]))
            for name in names[number % len(names) :] + names[: number % len(names)]:
                servers[name].go_on()
                one_round(servers[name], texts, gold, measured[name, kind])
                servers[name].halt()
            print(f"· round {number + 1} of {options.rounds}, {kind}", flush=True)
    finally:
        for server in servers.values():
            server.close()
        bulk.close()
    write(options, settings, measured, bulk_rates, bulk_ms, bare_p50)


def one_round(server: Server, texts: list[str], gold: dict[str, str], result: Measured) -> None:
    """Adds one figure of each sort to `result`. Raises RuntimeError where labels are wrong that should be right."""
    alone = server.ask(texts[:ALONE], 1).took
    result.alone_p50.append(float(np.percentile(alone, 50)))
    result.alone_p99.append(float(np.percentile(alone, 99)))
    began, client_began = server.cpu_seconds(), time.process_time()
    asked = server.ask(texts, CLIENTS)
    result.server_ms.append(1000 * (server.cpu_seconds() - began) / len(texts))
    result.client_ms.append(1000 * (time.process_time() - client_began) / len(texts))
    known = [(label, gold[text]) for label, text in zip(asked.labels, texts, strict=True) if text in gold]
    if known and statistics.fmean(label == right for label, right in known) < LEAST_ACCURACY:
        raise RuntimeError(f"{server.kind.title} answers wrongly: a speed of that counts for nothing")
    result.rate.append(len(texts) / asked.seconds)
    result.p50.append(float(np.percentile(asked.took, 50)))
    result.p99.append(float(np.percentile(asked.took, 99)))
    result.refused.append(asked.refused)


def write(
    options: argparse.Namespace,
    settings: dict[str, tuple[Setting, int]],
    measured: dict[tuple[str, str], Measured],
    bulk_rates: dict[str, list[float]],
    bulk_ms: dict[str, list[float]],
    bare_p50: dict[str, list[float]],
) -> None:
    """Both result files, and the tables on standard output."""
    lines = [
        "# One text a request, over HTTP",
        "",
        f"{options.rounds} rounds, one server at a time, {CLIENTS} clients and then one, on the same CPUs as the "
        f"server; {describe_machine()[0]}. Repeat with `python -m benchmarks.speed.online`.",
    ]
    for kind in COUNTS:
        rows = []
        for name in settings:
            result = measured[name, kind]
            ratios = [mine / theirs for mine, theirs in zip(measured["ours", kind].rate, result.rate, strict=True)]
            tails = [tail / middle for tail, middle in zip(result.p99, result.p50, strict=True)]
            setting = ", ".join(f"{key} {value}" for key, value in settings[name][0].items()) or "its own"
            rows.append([
                KINDS[name].title,
                f"{statistics.median(result.rate):,.0f} ({min(result.rate):,.0f} to {max(result.rate):,.0f})",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                *(f"{statistics.median(values):.2f}" for values in (result.p50, result.p99, tails)),
                *(f"{statistics.median(values):.2f}" for values in (result.alone_p50, result.alone_p99)),
                *(f"{statistics.median(values):.2f}" for values in (result.server_ms, result.client_ms)),
                f"{sum(result.refused) / options.rounds / COUNTS[kind]:.1%}",
                f"{setting} (of {settings[name][1]})",
            ])  # fmt: skip
        header = ["server", f"texts/s, {CLIENTS} clients", "Glossator is x times as fast", "p50 ms", "p99 ms",
                  "p99 / p50", "p50 ms, one client", "p99 ms, one client", "CPU ms of the server",
                  "CPU ms of the client", "refused", "setting"]  # fmt: skip
        shares = [mine / whole for mine, whole in zip(measured["ours", kind].rate, bulk_rates[kind], strict=True)]
        lines += [
            "", f"## {kind} texts", "", markdown_table(header, rows, right=range(3, 11)), "",
            f"In bulk, in one process without HTTP, Glossator labels {statistics.median(bulk_rates[kind]):,.0f} of "
            f"these texts a second: the server reaches {statistics.median(shares):.0%} of that ({min(shares):.0%} to "
            f"{max(shares):.0%}), with the client on the same CPUs. A text takes "
            f"{statistics.median(bulk_ms[kind]):.2f} ms of processor time there. A bare session call on token "
            f"ids takes {statistics.median(bare_p50[kind]):.2f} ms.",
        ]  # fmt: skip
    write_report("online", "\n".join(lines))
    fields = {
        "machine": describe_machine()[0],
        "servers": {name: {kind: vars(measured[name, kind]) for kind in COUNTS} for name in settings},
        "settings": {name: setting for name, (setting, _) in settings.items()},
        "bulk": bulk_rates,
        "bulk_ms": bulk_ms,
        "bare_p50": bare_p50,
    }
    write_result("online", fields)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
