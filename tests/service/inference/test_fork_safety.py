"""Forks of a process that has loaded a model: the child answers like the parent, and neither hangs."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from glossator.service.errors import InferenceError
from glossator.service.inference.model import Model, load
from glossator.service.inference.queue.batching import Batcher
from glossator.service.inference.queue.encoding_lanes import EncodingLanes

SECONDS = 60.0
LABEL = "delivery"
TEXTS = ["where is my parcel"] * 3 + ["the parcel is late " * 40]


@pytest.fixture(scope="module")
def model(tiny_bundle: Callable[[str], Path]) -> Model:
    return load(tiny_bundle("single_label_classification"), threads=2)


@pytest.fixture
def held() -> Iterator[tuple[Batcher, threading.Event, threading.Event]]:
    """A queue whose batches begin and wait until they may go on."""
    began, go = threading.Event(), threading.Event()

    def run(windows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        began.set()
        assert go.wait(20)
        return [np.array([len(window)], dtype=np.float32) for window in windows]

    with Batcher(run, workers=1) as batcher:
        yield batcher, began, go
        go.set()


def in_child(function: Callable[[], bool]) -> bool:
    """Whether the function returns True in a fork of this process. A child that hangs is killed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if function() else 2
        finally:
            os._exit(code)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail(f"the child did not end within {SECONDS:g} s")


def test_a_child_answers_like_its_parent(model: Model) -> None:
    expected = [answer.label for answer in model(TEXTS)]  # the parent has threads now
    assert expected[0] == LABEL
    assert in_child(lambda: [answer.label for answer in model(TEXTS)] == expected)
    assert [answer.label for answer in model(TEXTS)] == expected


def test_a_child_of_a_child_answers_too(model: Model) -> None:
    def child() -> bool:
        return model("where is my parcel").label == LABEL and in_child(
            lambda: model("where is my parcel").label == LABEL
        )

    assert in_child(child)


def test_a_model_that_was_only_loaded_answers_in_workers_of_multiprocessing(model: Model) -> None:
    with multiprocessing.get_context("fork").Pool(2, _keep, (model,)) as pool:
        assert pool.map_async(_label, TEXTS).get(SECONDS) == [answer.label for answer in model(TEXTS)]


_kept: list[Model] = []


def _keep(model: Model) -> None:
    _kept.append(model)


def _label(text: str) -> str | None:
    return _kept[0](text).label


def test_many_forks_under_load_neither_hang_nor_disturb_the_parent(model: Model) -> None:
    stop = threading.Event()
    wrong: list[object] = []

    def ask() -> None:
        while not stop.is_set():
            label = model("where is my parcel").label
            if label != LABEL:
                wrong.append(label)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert in_child(lambda: model(TEXTS)[0].label == LABEL)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert wrong == []


def test_a_fork_waits_for_the_running_batch(held: tuple[Batcher, threading.Event, threading.Event]) -> None:
    batcher, began, go = held
    running = batcher.submit([[1, 2]])
    assert began.wait(10)
    waiting = batcher.submit([[1, 2, 3]])
    threading.Timer(0.2, go.set).start()

    def child() -> bool:
        fails = isinstance(waiting.exception(10), InferenceError)  # its worker does not exist here
        return running.done() and fails and batcher.submit([[1]]).result(10)[0][0] == 1

    assert in_child(child)
    assert [future.result(10)[0][0] for future in (running, waiting)] == [2, 3]  # the parent goes on


def test_encoding_lanes_work_in_the_child_while_those_of_the_parent_are_busy() -> None:
    lanes, go = EncodingLanes(2), threading.Event()
    share = lanes.join(0.01)
    busy: list[Future[bool]] = [lanes.submit(share, lambda: go.wait(20)) for _ in range(4)]
    assert in_child(lambda: lanes.submit(lanes.join(0.01), lambda: 7).result(10) == 7)
    go.set()
    assert all(future.result(10) for future in busy)
    lanes.close()


@pytest.mark.parametrize("copied", [pickle.dumps, copy.deepcopy])
def test_a_model_cannot_be_pickled_and_says_what_to_do(model: Model, copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled.*glossator\.load\(path\)"):
        copied(model)


def test_two_threads_that_fork_at_once_leave_no_lock_behind() -> None:
    import subprocess
    import sys

    program = """
import os, sys, threading
from glossator.service.inference.fork_safety import survive_fork

class Locked:
    def __init__(self):
        self.lock = threading.Lock()
    def before_fork(self):
        self.lock.acquire()
    def after_fork(self, *, in_child):
        self.lock.release()

many = [Locked() for _ in range(20)]
for each in many:
    survive_fork(each)

def fork_often():
    for _ in range(50):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

threads = [threading.Thread(target=fork_often) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not any(each.lock.locked() for each in many)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
