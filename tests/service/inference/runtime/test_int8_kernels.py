"""The self-test on multiplications that are exact or known to be wrong, and on a processor without VNNI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from glossator.service.inference.runtime import int8_kernels
from glossator.service.inference.runtime.int8_kernels import (
    KernelSpeed,
    configure,
    int8_kernel,
    measure_kernels,
    products_overflow,
)
from glossator.service.inference.runtime.product_graph import integer_product_graph
from glossator.service.inference.runtime.session import session_options

OPTION = "session.x64quantprecision"
EMULATOR = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")


class SaturatingProduct:
    """Multiplies like `vpmaddubsw`: adds neighbouring products in 16 bits, which saturate.

    `broken` selects the sums that saturate from the exact sums of pairs `(rows, columns, pairs)`. Others are exact.
    """

    def __init__(self, broken: Callable[[NDArray[np.int64]], NDArray[np.bool_] | np.bool_ | bool]) -> None:
        self._broken = broken

    def __call__(
        self, x: NDArray[np.uint8], weight: NDArray[np.int8], zero_point: int
    ) -> Sequence[NDArray[np.int32] | NDArray[np.float32]]:
        rows, inner = x.shape
        even = inner + inner % 2
        left = np.zeros((rows, even), dtype=np.int64)
        left[:, :inner] = x
        right = np.zeros((even, weight.shape[1]), dtype=np.int64)
        right[:inner] = weight
        pairs = np.einsum("rpi,pic->rcp", left.reshape(rows, -1, 2), right.reshape(-1, 2, weight.shape[1]))
        pairs = np.where(self._broken(pairs), np.clip(pairs, -(2**15), 2**15 - 1), pairs)
        sums = pairs.sum(axis=-1) - zero_point * weight.astype(np.int64).sum(axis=0)
        return [sums.astype(np.int32), sums.astype(np.float32)]


def test_exact_products_need_no_option() -> None:
    assert not products_overflow(SaturatingProduct(lambda pairs: False))


@pytest.mark.parametrize(
    "broken",
    [
        lambda pairs: True,
        lambda pairs: pairs > 0,
        lambda pairs: pairs < 0,
        lambda pairs: np.full(pairs.shape, pairs.shape[0] == 1),
        lambda pairs: np.full(pairs.shape, pairs.shape[0] > 1),
        lambda pairs: np.arange(pairs.shape[0])[:, np.newaxis, np.newaxis] == 32,
        lambda pairs: np.arange(pairs.shape[1])[:, np.newaxis] == 66,
        lambda pairs: np.arange(pairs.shape[1])[:, np.newaxis] == 0,
        lambda pairs: np.arange(pairs.shape[2]) == 64,
    ],
    ids=["all", "positive", "negative", "one row", "many rows", "last row", "last column", "first column", "last pair"],
)
def test_saturated_pairs_are_found_at_every_position(broken: Callable[[NDArray[np.int64]], Any]) -> None:
    assert products_overflow(SaturatingProduct(broken))


def test_an_overflow_in_one_of_two_operators_is_found() -> None:
    def multiply(x: NDArray[np.uint8], weight: NDArray[np.int8], zero_point: int) -> Sequence[NDArray[Any]]:
        exact, wrong = SaturatingProduct(lambda pairs: False), SaturatingProduct(lambda pairs: True)
        return [exact(x, weight, zero_point)[0], wrong(x, weight, zero_point)[1]]

    assert products_overflow(multiply)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder, and no kernel chosen yet in this process."""
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", str(tmp_path))
    int8_kernel.cache_clear()
    yield tmp_path / "int8-kernels"
    int8_kernel.cache_clear()


class CountingSelfTest:
    """Replaces the self-test, and counts its runs."""

    def __init__(self, answer: bool | Exception) -> None:
        self.runs = 0
        self._answer = answer

    def __call__(self) -> bool:
        self.runs += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(("overflow", "kernel"), [(True, "uint8 x uint8"), (False, "uint8 x int8")])
def test_the_self_test_runs_once_per_machine_and_sets_the_option(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, overflow: bool, kernel: str
) -> None:
    self_test = CountingSelfTest(overflow)
    monkeypatch.setattr(int8_kernels, "products_overflow", self_test)
    for _ in range(3):
        assert int8_kernel() == kernel
    int8_kernel.cache_clear()  # as a new process does
    assert int8_kernel() == kernel
    assert self_test.runs == 1
    (file,) = fresh_cache.iterdir()
    assert json.loads(file.read_text())["kernel"] == kernel
    assert _option(session_options()) == ("1" if overflow else None)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"kernel": "int4"}', b'{"kernel": ["x"]}', b"\xff\x00", b"3"])
def test_a_damaged_cache_file_is_ignored_and_replaced(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    self_test = CountingSelfTest(True)
    monkeypatch.setattr(int8_kernels, "products_overflow", self_test)
    int8_kernel()
    (file,) = fresh_cache.iterdir()
    file.write_bytes(content)
    int8_kernel.cache_clear()
    assert int8_kernel() == "uint8 x uint8"
    assert self_test.runs == 2
    assert json.loads(file.read_text())["kernel"] == "uint8 x uint8"


def test_without_a_cache_the_self_test_runs_in_each_process(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_test = CountingSelfTest(False)
    monkeypatch.setattr(int8_kernels, "products_overflow", self_test)
    monkeypatch.setenv("GLOSSATOR_CACHE_DIR", "/dev/null/nowhere")
    for runs in (1, 2):
        int8_kernel.cache_clear()
        assert int8_kernel() == "uint8 x int8"
        assert self_test.runs == runs


@pytest.mark.parametrize(
    ("name", "other"),
    [("processor_flags", ["avx2"]), ("describe_machine", ("Other (avx2), 2 CPUs, ONNX Runtime 1.32.0", 2))],
)
def test_another_processor_or_runtime_is_tested_again(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, other: object
) -> None:
    self_test = CountingSelfTest(False)
    monkeypatch.setattr(int8_kernels, "products_overflow", self_test)
    int8_kernel()
    monkeypatch.setattr(int8_kernels, name, lambda: other)
    int8_kernel.cache_clear()
    int8_kernel()
    assert self_test.runs == 2
    assert len(list(fresh_cache.iterdir())) == 2


def test_a_processor_that_cannot_be_identified_is_not_cached(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_kernels, "processor_flags", list)
    assert int8_kernel() == ("uint8 x uint8" if products_overflow() else "uint8 x int8")
    assert not fresh_cache.exists()


def test_a_failed_self_test_selects_the_exact_kernels_and_caches_nothing(
    fresh_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(int8_kernels, "products_overflow", CountingSelfTest(RuntimeError("no such operator")))
    assert int8_kernel() == "uint8 x uint8"
    assert "no such operator" in caplog.text
    assert not fresh_cache.exists()


def test_int8_products_are_exact_with_the_selected_kernels() -> None:
    generator = np.random.default_rng(3)
    x = generator.integers(200, 256, (17, 300)).astype(np.uint8)
    weight = generator.integers(100, 128, (300, 45)).astype(np.int8)
    options = ort.SessionOptions()
    configure(options)
    session = ort.InferenceSession(integer_product_graph(weight, 7), options, providers=["CPUExecutionProvider"])
    for result in session.run(None, {"x": x}):
        np.testing.assert_array_equal(result, (x.astype(np.int64) - 7) @ weight.astype(np.int64))


def test_speed_is_measured_and_described() -> None:
    speed = measure_kernels(rounds=3)
    assert speed.int8 == int8_kernel()
    assert speed.int8_gops > 0
    assert speed.fp32_gops > 0
    assert speed.summary().startswith(speed.int8)
    assert KernelSpeed("uint8 x int8", 1184.0, 160.0).summary() == (
        "uint8 x int8, exact; 1,184 GOP/s on one thread, 7.4x the 160 GOP/s of fp32"
    )
    assert "overflow on this processor" in KernelSpeed("uint8 x uint8", 160.0, 80.0).summary()


@pytest.mark.skipif(EMULATOR is None or not sys.platform.startswith("linux"), reason="qemu-user is not installed")
def test_an_emulated_processor_with_only_avx2_needs_the_option() -> None:
    """Run the saturating kernels themselves, whatever processor runs the tests."""
    assert EMULATOR is not None
    program = (
        "from glossator.service.inference.runtime.int8_kernels import int8_kernel; "
        "from glossator.service.inference.runtime.session import session_options; "
        f"print(int8_kernel(), session_options().get_session_config_entry({OPTION!r}), sep='|')"
    )
    # The emulator hides the path of Python, so Python does not find its virtual environment.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(
        [EMULATOR, "-cpu", "Haswell", str(Path(sys.executable).resolve()), "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "uint8 x uint8|1"


def _option(options: ort.SessionOptions) -> str | None:
    try:
        value: str = options.get_session_config_entry(OPTION)
    except RuntimeError:
        return None
    return value
