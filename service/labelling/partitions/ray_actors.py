"""Labels parts on the machines of a Ray cluster. Each actor reads, labels and writes its parts itself.

The driver only hands out parts and collects records. An actor has at most one part; an actor that has not started, or
is lost with its machine, gets none until it is ready, and its part goes to another one. When no part is waiting, free
actors repeat the parts that run longest: outputs are the same and appear whole, so the first record counts. Input and
output must be reachable from every machine. Needs ray, of the extra `ray`.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glossator.service.errors import GlossatorError, JobError
from glossator.service.inference.model import Model
from glossator.service.labelling.partitions.manifest import PartRecord
from glossator.service.labelling.partitions.part import Part
from glossator.service.labelling.partitions.part_worker import PartsJob, PartWorker
from glossator.service.labelling.ray_cluster import MAX_TRIES, ModelActor, RayCluster, create_actors

_IDLE_SECONDS = 120.0
"""How long no actor may be ready before the labelling stops."""


class PartActor(ModelActor):
    """Runs in an actor: a model that labels parts. Its ledgers are in temporary folders, as its machine may be lost."""

    def __init__(self, files: Mapping[str, bytes], name: str, cpus: int, job: PartsJob) -> None:
        super().__init__(files, name, cpus, job.batch_costs)
        self._worker = PartWorker(job, self._model, local_ledger=False)

    def label(self, part: Part) -> PartRecord | GlossatorError:
        """Label a part; return its record or its error."""
        try:
            return self._worker.label(part)
        except GlossatorError as error:
            return error


class RayActors:
    """An executor of parts on a Ray cluster.

    Args:
        cluster: Where to run.
        model: The model, which is sent to the actors.
        repeat_slow: Whether free actors repeat parts that others still work on.
    """

    def __init__(self, cluster: RayCluster, model: Model, *, repeat_slow: bool = True) -> None:
        self._cluster = cluster
        self._model = model
        self._repeat_slow = repeat_slow

    def run(self, job: PartsJob, parts: Sequence[Part]) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
        """Label the parts; yield each with its record, or with its error, as they end.

        Raises:
            ConfigError: There is no such cluster, or it has too few CPUs.
            JobError: No machine of the cluster is left.
        """
        with create_actors(self._cluster, self._model, PartActor, job) as (ray, actors, ready):
            yield from _Calls(ray, actors, ready, parts, repeat_slow=self._repeat_slow).results()


class _Calls:
    """The calls of actors that have not ended: of `ready`, or of `label` with a part."""

    def __init__(
        self, ray: Any, actors: Sequence[Any], ready: Sequence[Any], parts: Sequence[Part], *, repeat_slow: bool
    ) -> None:
        self._ray = ray
        self._actors = actors
        self._open: dict[Any, tuple[int, Part | None]] = {call: (number, None) for number, call in enumerate(ready)}
        self._waiting = deque(parts)
        self._left = {part.index for part in parts}
        self._lost: Counter[int] = Counter()
        self._repeat_slow = repeat_slow

    def results(self) -> Iterator[tuple[Part, PartRecord | GlossatorError]]:
        free: list[int] = []
        last_sign = time.monotonic()
        while self._left:
            for number in list(free):
                if (part := self._next_part()) is None:
                    break  # there is none for the others either
                free.remove(number)
                self._open[self._actors[number].label.remote(part)] = (number, part)
            ended, _ = self._ray.wait(list(self._open), num_returns=1, timeout=1.0)
            if ended or free or any(part is not None for _, part in self._open.values()):
                last_sign = time.monotonic()
            elif time.monotonic() - last_sign > _IDLE_SECONDS:
                raise JobError(
                    "no machine of the cluster answers",
                    found=f"{len(self._actors)} actors, all lost",
                    hint="See `ray status`, then give the same command again: complete parts are kept.",
                )
            for call in ended:
                number, part = self._open.pop(call)
                try:
                    outcome = self._ray.get(call)
                except self._ray.exceptions.RayTaskError:
                    raise  # a fault of the program
                except self._ray.exceptions.RayError:
                    self._open[self._actors[number].ready.remote()] = (number, None)
                    if part is not None and part.index in self._left:
                        yield from self._lose(part)
                    continue
                free.append(number)
                if part is not None and part.index in self._left:
                    self._left.remove(part.index)
                    yield part, outcome

    def _next_part(self) -> Part | None:
        """Return the next part to label: a waiting one, else one that a single actor has worked on longest."""
        if self._waiting:
            return self._waiting.popleft()
        if not self._repeat_slow:
            return None
        running = [part for _, part in self._open.values() if part is not None and part.index in self._left]
        copies = Counter(part.index for part in running)
        return next((part for part in running if copies[part.index] == 1), None)

    def _lose(self, part: Part) -> Iterator[tuple[Part, GlossatorError]]:
        self._lost[part.index] += 1
        if any(other is not None and other.index == part.index for _, other in self._open.values()):
            return  # another actor works on it
        if self._lost[part.index] < MAX_TRIES:
            self._waiting.appendleft(part)
            return
        self._left.remove(part.index)
        yield part, JobError(f"the machines that labelled {part.name} were lost", found=f"{MAX_TRIES} times")
