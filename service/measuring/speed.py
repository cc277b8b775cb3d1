"""Measures the speed of a model: throughput by batch size, latency by number of callers, time by stage."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle

import numpy as np

from glossator.service.bundle import file_names, onnx_inspection
from glossator.service.bundle.reference import Histogram, parse_reference
from glossator.service.errors import ConfigError, InputError
from glossator.service.inference.model import Model
from glossator.service.inference.queue.batch_planning import Cost, plan
from glossator.service.inference.runtime.int8_kernels import KernelSpeed, measure_kernels
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.measuring.matmul_limit import MatmulLimit, measure_limit
from glossator.service.tasks.encoded import EncodedText, Floats
from glossator.service.tasks.options import DecodeOptions

BUDGETS = (64, 128, 256, 512, 1024, 2048)
CALLERS = (1, 2, 4, 8, 16, 32)
ROUNDS = 3
_TEXTS = 1_000
_SECONDS = 1.5
_ARRIVAL_BATCH = 32
"""Texts per batch in most other tools: in order of arrival, padded to the longest."""

Stage = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Texts per second with batches of at most `most_tokens` tokens: the median of some rounds, with its range."""

    most_tokens: int
    texts_per_second: float
    low: float
    high: float
    tokens_per_second: float
    padding: float
    """Share of padding in the computed tokens."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency in milliseconds with a number of callers, each of which sends one text after another."""

    callers: int
    texts_per_second: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Speed:
    """A finished measurement.

    `stages`: the share of time of each stage, if one thread runs one stage after the other. `limit` is None for models
    without matrix products, which look up and add rows of a table.
    """

    model: str
    machine: str
    workers: int
    texts: int
    tokens: int
    cost: Cost
    throughput: tuple[Throughput, ...]
    latency: tuple[Latency, ...]
    stages: dict[str, float]
    padding_in_arrival_order: float
    kernels: KernelSpeed
    limit: MatmulLimit | None

    @property
    def best(self) -> Throughput:
        """The fastest of the throughputs."""
        return max(self.throughput, key=lambda each: each.texts_per_second)

    @property
    def share_of_limit(self) -> float | None:
        """The best tokens per second as a share of the processor's limit; None without a limit."""
        return None if self.limit is None else self.best.tokens_per_second / self.limit.tokens_per_second

    def core_hours_per_million(self) -> float:
        """Return the CPU hours for a million texts at the best throughput."""
        return self.workers * 1e6 / self.best.texts_per_second / 3600.0

    def to_dict(self) -> dict[str, object]:
        """Return the measurement as JSON-ready fields."""
        derived = {"share_of_limit": self.share_of_limit, "core_hours_per_million": self.core_hours_per_million()}
        fields = asdict(self) | derived
        if self.limit is not None:
            fields["limit"]["tokens_per_second"] = self.limit.tokens_per_second
        return fields


def measure_speed(model: Model, texts: Sequence[str], *, stage: Stage = lambda _: None) -> Speed:
    """Measure a model on texts, in less than half a minute for a small encoder.

    Run nothing else on the machine meanwhile. Texts that cannot be answered are left out; raises InputError if none is
    left.
    """
    if model.backbone is not None:
        raise ConfigError(
            "a head is as fast as its backbone",
            found=model.version,
            hint=f"Measure the backbone, {model.backbone.version}.",
        )
    stage("measuring the batch cost")
    cost = model.measure_batch_cost()
    encoded = list(zip(texts, model.pipeline.encode(texts), strict=True))
    answerable = [text for text, each in encoded if isinstance(each, EncodedText)]
    if not answerable:
        raise InputError(
            "there are no texts to measure with",
            found=f"{len(texts):,} texts without content",
            expected="at least one text that the model can answer",
            hint="Pass other texts, or none: then texts like the training texts are made.",
        )
    lengths = [len(window) for _, each in encoded if isinstance(each, EncodedText) for window in each.windows]
    throughput = []
    for budget in BUDGETS:
        stage(f"throughput with batches of {budget:,} tokens")
        throughput.append(_throughput(model, answerable, lengths, replace(cost, most_tokens=budget)))
    model.batcher.cost = cost
    latency = []
    for callers in CALLERS:
        stage(f"latency with {callers} callers")
        latency.append(_latency(model, answerable, callers))
    stage("time by stage")
    stages = _stages(model, answerable, cost)
    stage("measuring the limit of the processor")
    served = model.bundle.manifest.served
    data = model.bundle.read(served.graph)
    limit = measure_limit(
        onnx_inspection.inspect_onnx(data, served.graph).products, precision=served.precision, workers=model.threads
    )
    arrival = [lengths[start : start + _ARRIVAL_BATCH] for start in range(0, len(lengths), _ARRIVAL_BATCH)]
    padded = sum(max(batch) * len(batch) for batch in arrival)
    return Speed(
        model=model.version,
        machine=describe_machine()[0],
        workers=model.threads,
        texts=len(answerable),
        tokens=sum(lengths),
        cost=cost,
        throughput=tuple(throughput),
        latency=tuple(latency),
        stages=stages,
        padding_in_arrival_order=1.0 - sum(lengths) / padded,
        kernels=measure_kernels(),
        limit=limit,
    )


def typical_texts(model: Model, count: int = _TEXTS, seed: int = 0) -> list[str]:
    """Make texts from the words of the golden rows, with the lengths of the training texts."""
    words = " ".join(row.text for row in model.bundle.golden if row.error is None).split()
    tokens = parse_reference(model.bundle.read(file_names.REFERENCE)).tokens
    generator = np.random.default_rng(seed)
    texts = []
    for length in _sample(tokens, count, generator):
        start = int(generator.integers(len(words)))
        texts.append(" ".join((words * (1 + length // len(words) + 1))[start : start + max(1, length)]))
    return texts


def _sample(histogram: Histogram, count: int, generator: np.random.Generator) -> Iterator[int]:
    counts = np.array(histogram.counts, dtype=np.float64)
    bins = generator.choice(len(counts), size=count, p=counts / counts.sum())
    for each in bins:
        yield int(generator.uniform(histogram.edges[each], histogram.edges[each + 1]))


def _throughput(model: Model, texts: list[str], lengths: list[int], cost: Cost) -> Throughput:
    model.batcher.cost = cost
    speeds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        model.predict(texts)
        speeds.append(len(texts) / (time.perf_counter() - began))
    padded = sum(max(lengths[index] for index in batch) * len(batch) for batch in plan(lengths, cost))
    speed = statistics.median(speeds)
    return Throughput(
        most_tokens=cost.most_tokens,
        texts_per_second=speed,
        low=min(speeds),
        high=max(speeds),
        tokens_per_second=speed * sum(lengths) / len(texts),
        padding=1.0 - sum(lengths) / padded,
    )


def _latency(model: Model, texts: list[str], callers: int) -> Latency:
    """Measure the latency: each caller sends its next text when the last one is answered."""
    until = time.perf_counter() + _SECONDS
    seconds: list[list[float]] = [[] for _ in range(callers)]

    def call(number: int) -> None:
        own_texts = cycle(texts[number::callers] or texts)
        while not seconds[number] or time.perf_counter() < until:
            began = time.perf_counter()
            model.predict([next(own_texts)])
            seconds[number].append(time.perf_counter() - began)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    milliseconds = 1e3 * np.concatenate(seconds)
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Latency(callers, len(milliseconds) / elapsed, float(p50), float(p99))


def _stages(model: Model, texts: list[str], cost: Cost) -> dict[str, float]:
    """Return the share of time of each stage, run one after the other on one thread."""
    clock = [time.perf_counter()]

    def since_last() -> float:
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    encoded = [each for each in model.pipeline.encode(texts) if isinstance(each, EncodedText)]
    seconds = {"tokenise": since_last()}
    windows = [window for text in encoded for window in text.windows]
    batches = plan([len(window) for window in windows], cost)
    seconds["plan"] = since_last()
    outputs: dict[int, Floats] = {}
    for batch in batches:
        outputs |= zip(batch, model.run([windows[index] for index in batch]), strict=True)
    seconds["infer"] = since_last()
    decoder, indices = model.pipeline.decoder, iter(range(len(windows)))
    pooled = [decoder.pool(text, [outputs[next(indices)] for _ in text.windows]) for text in encoded]
    decoder.decode(encoded, pooled, DecodeOptions())
    seconds["decode"] = since_last()
    return {name: each / sum(seconds.values()) for name, each in seconds.items()}
