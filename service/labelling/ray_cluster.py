"""Answers from the machines of a Ray cluster: chunks go out, answers come back, and everything else stays here.

Reading, the ledger and writing are those of any labelling, so that a cluster changes nothing of what is promised. Each
actor holds the model, verified there as everywhere, with a thread a CPU that it was given. The bundle travels with the
actors: machines need share no folder. An actor that is lost with its machine is started again on another, and its
chunks are sent again; a chunk that no machine can answer is rows with an error. Needs ray, of the extra `ray`.

Ray moves Python objects as pickles between machines of the cluster: whoever can reach it can run code there, as Ray's
own documentation says. Keep it to a network of your own.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glossator.service.errors import ChunkFailed, ConfigError, GlossatorError, InputError, JobError
from glossator.service.inference.model import Model, load
from glossator.service.inference.pipeline import Answer
from glossator.service.labelling.file_labelling import Elsewhere, Job, plan_of, start_of, use_plan
from glossator.service.labelling.row_labelling import AHEAD, Pending
from glossator.service.optional_packages import import_optional
from glossator.service.tasks.encoded import Text

TRIES = 3
"""How often a chunk is sent to an actor that does not live to answer it."""
LOCAL = "local"
_WAIT_SECONDS = 120.0
_PROBE_SECONDS = 0.5
_REACH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a labelling runs: a Ray address (`local` starts one on this machine, `auto` finds one that runs here), how
    many actors, and the CPUs of each. Without a number there are as many as the cluster's CPUs allow."""

    address: str
    actors: int | None = None
    cpus: int = 1


class Answering:
    """What runs in an actor: a model that answers chunks."""

    def __init__(self, files: Mapping[str, bytes], name: str, cpus: int, plan: Mapping[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="glossator-")
        root = Path(self._folder.name) / name
        for path, data in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        self._model = load(root, threads=cpus)
        use_plan(self._model, plan)

    def ready(self) -> str:
        """The digest of what it answers with."""
        return self._model.digest

    def answer(self, job: Job, texts: Sequence[Text | InputError]) -> Sequence[Answer | InputError]:
        """One answer a text."""
        return start_of(job, self._model)(texts).result()


class Actors:
    """A start (`glossator.service.labelling.row_labelling.Start`) that sends each chunk to the actor that has the fewest. One that has
    not started yet or is lost is passed over until it is there, and what it had is sent to others."""

    def __init__(self, ray: Any, actors: Sequence[Any], job: Job, ready: Sequence[Any]) -> None:
        self._ray = ray
        self._actors = list(actors)
        self._job = ray.put(job)
        self._waiting = [0] * len(self._actors)
        self._probes: dict[int, Any] = dict(enumerate(ready))
        """Of the actors that are not there, whether they have come (back): a chunk must not wait for a machine that
        there may never be."""

    def __call__(self, texts: Sequence[Text | InputError]) -> Pending:
        return _Sent(self, texts)

    def send(self, texts: Sequence[Text | InputError]) -> tuple[int, Any]:
        """The actor that a chunk was sent to, and its answer to come. Raises JobError where none is left."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            self._welcome()
            there = [place for place in range(len(self._actors)) if place not in self._probes]
            if there:
                place = min(there, key=self._waiting.__getitem__)
                self._waiting[place] += 1
                return place, self._actors[place].answer.remote(self._job, list(texts))
            if time.monotonic() > until:
                raise JobError(
                    "no machine of the cluster is left that answers", found=f"{len(self._actors)} actors, all lost",
                    hint="See `ray status`, then give the same command again: what is done is kept.",
                )  # fmt: skip
            time.sleep(_PROBE_SECONDS)

    def receive(self, place: int, answer: Any) -> list[Answer | InputError] | None:
        """What an actor answered; None where it was lost."""
        self._waiting[place] -= 1
        try:
            return list(self._ray.get(answer))
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, GlossatorError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError:
            self._probes.setdefault(place, self._actors[place].ready.remote())
            return None

    def _welcome(self) -> None:
        for place, probe in list(self._probes.items()):
            told, _ = self._ray.wait([probe], timeout=0)
            if not told:
                continue
            try:
                self._ray.get(probe)
                del self._probes[place]
            except self._ray.exceptions.RayError:
                self._probes[place] = self._actors[place].ready.remote()


class _Sent:
    """The answers of a chunk that is away."""

    def __init__(self, actors: Actors, texts: Sequence[Text | InputError]) -> None:
        self._actors = actors
        self._texts = texts
        self._sent = actors.send(texts)

    def result(self) -> list[Answer | InputError]:
        for _ in range(TRIES - 1):
            answers = self._actors.receive(*self._sent)
            if answers is not None:
                return answers
            self._sent = self._actors.send(self._texts)
        answers = self._actors.receive(*self._sent)
        if answers is not None:
            return answers
        failed = ChunkFailed(
            f"the processes that were to answer these rows were lost, {TRIES} of them",
            hint="Label the rows again by themselves, to find the one at fault.",
        )
        return [text if isinstance(text, InputError) else failed for text in self._texts]


@contextlib.contextmanager
def on_cluster(cluster: Cluster, model: Model) -> Iterator[Elsewhere]:
    """Actors that answer for `model`, until the block ends. Raises ConfigError where there is no such cluster, or it
    has no CPUs."""
    ray = import_optional("ray", "--ray", extra="ray")
    with contextlib.redirect_stdout(sys.stderr):  # where Ray prints what it has to say, data may be
        ours = not ray.is_initialized()
        if ours:
            try:
                _reach(cluster.address)
                ray.init(
                    address=None if cluster.address == LOCAL else cluster.address, log_to_driver=False,
                    logging_level="ERROR", include_dashboard=False if cluster.address == LOCAL else None,
                )  # fmt: skip
            except (OSError, ValueError) as error:
                raise ConfigError(
                    "there is no Ray cluster at this address", found=f"{cluster.address}: {error}",
                    expected="HOST:PORT of a head node, auto, or local",
                    hint="Start one: ray start --head; on other machines: ray start --address HOST:PORT.",
                ) from None  # fmt: skip
        made: list[Any] = []
        try:
            count = cluster.actors or int(ray.cluster_resources().get("CPU", 0)) // cluster.cpus
            if count < 1:
                raise ConfigError(
                    "the cluster has too few CPUs for an actor", found=ray.cluster_resources().get("CPU", 0),
                    expected=f"{cluster.cpus} or more", hint="Add machines, or lower --actor-cpus.",
                )  # fmt: skip
            root = model.bundle.path
            files = ray.put(
                {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
            )
            plan = plan_of(model)
            remote = ray.remote(Answering).options(num_cpus=cluster.cpus, max_restarts=-1)
            made = [remote.remote(files, model.name, cluster.cpus, plan) for _ in range(count)]
            ready = [actor.ready.remote() for actor in made]
            _wait_for_one(ray, ready, cluster.cpus)
            yield lambda job: (Actors(ray, made, job, ready), AHEAD * count)
        finally:
            for actor in made:
                ray.kill(actor)
            if ours:
                ray.shutdown()


def _wait_for_one(ray: Any, ready: Sequence[Any], cpus: int) -> None:
    """Until an actor has started. Raises ConfigError where none does."""
    until = time.monotonic() + _WAIT_SECONDS
    waiting, found = list(ready), f"none after {_WAIT_SECONDS:.0f} s"
    while waiting:
        told, waiting = ray.wait(waiting, num_returns=1, timeout=max(0.0, until - time.monotonic()))
        if not told:
            break
        try:
            ray.get(told)
            return
        except ray.exceptions.RayError as error:
            found = str(error)
    raise ConfigError(
        "the cluster has started no actor", found=found, expected=f"{cpus} free CPUs on a machine",
        hint="See `ray status`.",
    )  # fmt: skip


def _reach(address: str) -> None:
    """Raises OSError where nobody listens at `HOST:PORT`: Ray itself would try for minutes."""
    host, separator, port = address.rpartition(":")
    if separator and "://" not in address:
        socket.create_connection((host, int(port)), _REACH_SECONDS).close()
