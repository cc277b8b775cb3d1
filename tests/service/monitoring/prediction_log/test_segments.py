"""Segments are repaired, expired and rewritten without losing other lines."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from glossator.service.monitoring.prediction_log.segments import (
    SegmentWriter,
    expire_segments,
    list_segments,
    read_segment,
    repair_segments,
    rewrite_segment,
)


def segment(folder: Path, name: str, content: bytes, days_ago: float = 0.0) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_bytes(content)
    moment = time.time() - days_ago * 86_400.0
    os.utime(path, (moment, moment))
    return path


def test_a_torn_line_is_not_read_and_is_removed(tmp_path: Path) -> None:
    path = segment(tmp_path, "2026-01-01T000000Z-1-a", b'{"a":1}\n{"b":2}\n{"c"')
    assert list(read_segment(path)) == [b'{"a":1}', b'{"b":2}']
    assert repair_segments(tmp_path) == 1
    assert path.read_bytes() == b'{"a":1}\n{"b":2}\n'
    assert repair_segments(tmp_path) == 0


def test_a_segment_in_use_is_neither_repaired_nor_rewritten_nor_expired(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.write([b'{"a":1}'])
    assert repair_segments(tmp_path) == 0
    assert rewrite_segment(writer.path, lambda line: False) is None
    assert expire_segments(tmp_path, keep_days=1e-9, max_bytes=1) == 0
    writer.close()
    assert rewrite_segment(writer.path, lambda line: False) == 1
    assert not list_segments(tmp_path)


def test_old_segments_expire_and_then_the_oldest_above_the_size(tmp_path: Path) -> None:
    old = segment(tmp_path, "2026-01-01T000000Z-1-a", b"1234567\n", days_ago=40)
    first = segment(tmp_path, "2026-01-02T000000Z-1-a", b"1234567\n", days_ago=2)
    second = segment(tmp_path, "2026-01-03T000000Z-1-a", b"1234567\n", days_ago=1)
    assert expire_segments(tmp_path, keep_days=30.0, max_bytes=16) == 1
    assert list_segments(tmp_path) == [first, second]
    assert expire_segments(tmp_path, keep_days=30.0, max_bytes=15) == 1
    assert list_segments(tmp_path) == [second]
    assert not old.exists()


def test_an_empty_segment_is_removed_and_links_are_no_segments(tmp_path: Path) -> None:
    SegmentWriter(tmp_path).close()
    (tmp_path / "2026-01-01.jsonl").symlink_to("/etc/passwd")
    (tmp_path / "erasures.log").write_text("{}\n")
    assert list_segments(tmp_path) == []


@given(lines=st.lists(st.binary(max_size=30).map(lambda each: each.replace(b"\n", b"")), max_size=12), data=st.data())
def test_rewriting_keeps_the_other_lines_in_order(
    tmp_path_factory: object, lines: list[bytes], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("log")  # type: ignore[attr-defined]
    path = segment(folder, "2026-01-01T000000Z-1-a", b"".join(line + b"\n" for line in lines), days_ago=3)
    before = path.stat().st_mtime_ns
    unwanted = set(data.draw(st.lists(st.sampled_from(lines), max_size=4))) if lines else set()
    removed = rewrite_segment(path, lambda line: line not in unwanted)
    kept = [line for line in lines if line not in unwanted]
    assert removed == len(lines) - len(kept)
    assert list(read_segment(path)) == kept
    assert not path.exists() or path.stat().st_mtime_ns == before
