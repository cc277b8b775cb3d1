"""Answers from the machines of a Ray cluster. Chunks are sent out and answers come back; all else stays local.

Reading, the ledger and writing are those of any labelling, so that a cluster changes none of its guarantees. Each actor
loads and verifies the model, with one thread per CPU that it was given. The bundle is sent to the actors: machines need
no shared folder. An actor that is lost with its machine is restarted on another one and its chunks are sent again; the
rows of a chunk that no machine can answer carry an error. Needs ray, of the extra `ray`.

Ray sends Python objects between machines as pickles: anyone who can reach the cluster can run code on it, as Ray's
documentation says. Keep it on a private network.
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
from glossator.service.labelling.file_labelling import FileLabelling
from glossator.service.labelling.identity import batch_costs, use_batch_costs
from glossator.service.labelling.label_file import RemoteStart
from glossator.service.labelling.prepared_labelling import create_start
from glossator.service.labelling.row_labelling import CHUNKS_AHEAD, PendingAnswers
from glossator.service.optional_packages import import_optional
from glossator.service.tasks.encoded import Text

MAX_TRIES = 3
"""How often a chunk is sent, if the actors that received it are lost."""
LOCAL = "local"
_START_SECONDS = 120.0
_PROBE_SECONDS = 0.5
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Where to run."""

    address: str
    """A Ray address. `local` starts a cluster on this machine, `auto` finds one that runs on it."""
    actors: int | None = None
    """By default as many as the CPUs of the cluster allow."""
    cpus: int = 1
    """CPUs per actor."""


class ModelActor:
    """Runs in an actor: a model that answers chunks."""

    def __init__(self, files: Mapping[str, bytes], name: str, cpus: int, costs: Mapping[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="glossator-")
        root = Path(self._folder.name) / name
        for path, data in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        self._model = load(root, threads=cpus)
        use_batch_costs(self._model, costs)

    def ready(self) -> str:
        """Return the digest of the model."""
        return self._model.digest

    def answer(self, labelling: FileLabelling, texts: Sequence[Text | InputError]) -> Sequence[Answer | InputError]:
        """Return one answer per text."""
        return create_start(labelling, self._model)(texts).result()


class ActorPool:
    """A `StartAnswers` that sends each chunk to the actor with the fewest chunks.

    An actor that has not started or is lost gets no chunks until it is ready again; its own are sent to others.
    """

    def __init__(self, ray: Any, actors: Sequence[Any], labelling: FileLabelling, ready: Sequence[Any]) -> None:
        self._ray = ray
        self._actors = list(actors)
        self._labelling = ray.put(labelling)
        self._chunks = [0] * len(self._actors)
        self._probes: dict[int, Any] = dict(enumerate(ready))
        """A pending call of `ready` for each actor that is not ready. No chunk waits for such an actor: the machine
        that it needs may never exist."""

    def __call__(self, texts: Sequence[Text | InputError]) -> PendingAnswers:
        return _SentChunk(self, texts)

    def send(self, texts: Sequence[Text | InputError]) -> tuple[int, Any]:
        """Send a chunk; return the number of the actor and the pending answer. Raises JobError if no actor is left."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self._check_probes()
            ready = [number for number in range(len(self._actors)) if number not in self._probes]
            if ready:
                number = min(ready, key=self._chunks.__getitem__)
                self._chunks[number] += 1
                return number, self._actors[number].answer.remote(self._labelling, list(texts))
            if time.monotonic() > deadline:
                raise JobError(
                    "no machine of the cluster answers",
                    found=f"{len(self._actors)} actors, all lost",
                    hint="See `ray status`, then give the same command again: finished work is kept.",
                )
            time.sleep(_PROBE_SECONDS)

    def receive(self, number: int, answer: Any) -> list[Answer | InputError] | None:
        """Return the answers of an actor; None if the actor was lost."""
        self._chunks[number] -= 1
        try:
            return list(self._ray.get(answer))
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, GlossatorError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError:
            self._probes.setdefault(number, self._actors[number].ready.remote())
            return None

    def _check_probes(self) -> None:
        for number, probe in list(self._probes.items()):
            finished, _ = self._ray.wait([probe], timeout=0)
            if not finished:
                continue
            try:
                self._ray.get(probe)
                del self._probes[number]
            except self._ray.exceptions.RayError:
                self._probes[number] = self._actors[number].ready.remote()


class _SentChunk:
    """The answers of a chunk that was sent to an actor."""

    def __init__(self, pool: ActorPool, texts: Sequence[Text | InputError]) -> None:
        self._pool = pool
        self._texts = texts
        self._sent = pool.send(texts)

    def result(self) -> list[Answer | InputError]:
        for _ in range(MAX_TRIES - 1):
            answers = self._pool.receive(*self._sent)
            if answers is not None:
                return answers
            self._sent = self._pool.send(self._texts)
        answers = self._pool.receive(*self._sent)
        if answers is not None:
            return answers
        failed = ChunkFailed(
            f"{MAX_TRIES} processes were lost while they answered these rows",
            hint="Label the rows again on their own, to find the row that causes it.",
        )
        return [text if isinstance(text, InputError) else failed for text in self._texts]


@contextlib.contextmanager
def start_actors(cluster: RayCluster, model: Model) -> Iterator[RemoteStart]:
    """Start actors that answer for `model`; they are stopped when the block ends.

    Raises:
        ConfigError: There is no such cluster, or it has too few CPUs.
    """
    with create_actors(cluster, model, ModelActor, batch_costs(model)) as (ray, actors, ready):
        yield lambda labelling: (ActorPool(ray, actors, labelling, ready), CHUNKS_AHEAD * len(actors))


@contextlib.contextmanager
def create_actors(
    cluster: RayCluster, model: Model, actor_class: type[ModelActor], *arguments: object
) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    """Yield ray, the actors and for each a pending call of `ready`, when one has started; stop them at the end.

    Args:
        cluster: Where to run.
        model: The model, which is sent to the actors.
        actor_class: A class whose first parameters are those of ModelActor.
        arguments: Its further arguments, after the number of CPUs.

    Raises:
        ConfigError: There is no such cluster, or it has too few CPUs.
    """
    ray = import_optional("ray", "--ray", extra="ray")
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints to standard output, which is for data
        started_here = not ray.is_initialized()
        if started_here:
            try:
                _check_address(cluster.address)
                ray.init(
                    address=None if cluster.address == LOCAL else cluster.address,
                    log_to_driver=False,
                    logging_level="ERROR",
                    include_dashboard=False if cluster.address == LOCAL else None,
                )
            except (OSError, ValueError) as error:
                raise ConfigError(
                    "there is no Ray cluster at this address",
                    found=f"{cluster.address}: {error}",
                    expected="HOST:PORT of a head node, auto, or local",
                    hint="Start one: ray start --head; on other machines: ray start --address HOST:PORT.",
                ) from None
        actors: list[Any] = []
        try:
            count = cluster.actors or int(ray.cluster_resources().get("CPU", 0)) // cluster.cpus
            if count < 1:
                raise ConfigError(
                    "the cluster has too few CPUs for an actor",
                    found=ray.cluster_resources().get("CPU", 0),
                    expected=f"{cluster.cpus} or more",
                    hint="Add machines, or lower --actor-cpus.",
                )
            root = model.bundle.path
            files = ray.put(
                {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
            )
            remote = ray.remote(actor_class).options(num_cpus=cluster.cpus, max_restarts=-1)
            actors = [remote.remote(files, model.name, cluster.cpus, *arguments) for _ in range(count)]
            ready = [actor.ready.remote() for actor in actors]
            _wait_for_one(ray, ready, cluster.cpus)
            yield ray, actors, ready
        finally:
            for actor in actors:
                ray.kill(actor)
            if started_here:
                ray.shutdown()


def _wait_for_one(ray: Any, ready: Sequence[Any], cpus: int) -> None:
    """Wait until an actor has started. Raises ConfigError if none does."""
    deadline = time.monotonic() + _START_SECONDS
    waiting, found = list(ready), f"none after {_START_SECONDS:.0f} s"
    while waiting:
        finished, waiting = ray.wait(waiting, num_returns=1, timeout=max(0.0, deadline - time.monotonic()))
        if not finished:
            break
        try:
            ray.get(finished)
            return
        except ray.exceptions.RayError as error:
            found = str(error)
    raise ConfigError(
        "no actor of the cluster started",
        found=found,
        expected=f"{cpus} free CPUs on a machine",
        hint="See `ray status`.",
    )


def _check_address(address: str) -> None:
    """Raise OSError if nothing listens at `HOST:PORT`: Ray itself would try for minutes."""
    host, separator, port = address.rpartition(":")
    if separator and "://" not in address:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
