"""Exports and segments are read by pandas and DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from glossator.service.errors import ConfigError, FileMissing
from glossator.service.monitoring.drift.summaries import SUMMARIES
from glossator.service.monitoring.prediction_log.export import export_records
from glossator.service.monitoring.prediction_log.reader import LogFilter, LogReader, log_statistics, parse_time
from glossator.service.monitoring.prediction_log.records import Served
from glossator.service.monitoring.prediction_log.settings import LogSettings
from glossator.service.monitoring.prediction_log.writer import PredictionLog


@pytest.fixture
def log_folder(settings: LogSettings, make_served: Callable[..., Served]) -> Path:
    log = PredictionLog(settings)
    log.start()
    for day in range(3):
        log.add(make_served(f"where is parcel {day}", request=f"r{day}", time=1_767_323_045.0 + day * 86_400.0))
    log.close()
    return settings.folder


def test_pandas_and_duckdb_read_the_exported_parquet(log_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "answers.parquet"
    assert export_records(LogReader(log_folder), str(output)) == 3
    frame = pd.read_parquet(output)
    assert list(frame["request"]) == ["r0", "r1", "r2"]
    assert frame["time"].dt.date.astype(str).tolist() == ["2026-01-02", "2026-01-03", "2026-01-04"]
    columns = "request, labels[1], scores[1].label, confidence"
    rows = duckdb.sql(f"SELECT {columns} FROM '{output}' WHERE time >= '2026-01-03' ORDER BY time").fetchall()
    records = list(LogReader(log_folder))[1:]
    assert rows == [(each["request"], *each["labels"], each["labels"][0], each["confidence"]) for each in records]
    assert output.stat().st_mode & 0o777 == 0o600


def test_the_exported_parquet_has_the_summaries(log_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "answers.parquet"
    records = [record | {"summaries": {"tokens": 3.0, "surprise": 2.5}} for record in LogReader(log_folder)]
    export_records(records, str(output))
    rows = duckdb.sql(f"SELECT summaries.surprise, summaries.score FROM '{output}'").fetchall()
    assert rows == [(2.5, None)] * 3
    unknown = set(SUMMARIES) - set(duckdb.sql(f"SELECT summaries.* FROM '{output}'").columns)
    assert unknown == set()


def test_pandas_and_duckdb_read_the_segments_themselves(log_folder: Path) -> None:
    (count,) = duckdb.sql(f"SELECT count(*) FROM read_json('{log_folder}/*.jsonl')").fetchall()
    assert count == (3,)
    (segment,) = log_folder.glob("*.jsonl")
    assert list(pd.read_json(segment, lines=True)["request"]) == ["r0", "r1", "r2"]


def test_the_filter_selects_model_version_and_time(log_folder: Path) -> None:
    def requests(**wanted: str | None) -> list[str]:
        return [record["request"] for record in LogReader(log_folder, LogFilter(**wanted))]

    digest = next(iter(LogReader(log_folder)))["digest"]
    assert requests(model="other") == []
    assert requests(model="intents", digest=digest[:12]) == ["r0", "r1", "r2"]
    assert requests(digest="0" * 12) == []
    since, until = parse_time("2026-01-03", "--since"), parse_time("2026-01-04T03:04:05", "--until")
    assert requests(since=since, until=until) == ["r1"]


def test_the_statistics_count_each_version(log_folder: Path) -> None:
    (segment,) = log_folder.glob("*.jsonl")
    segment.write_bytes(segment.read_bytes() + b"not json\n" + b'{"time":"2026')  # damaged, and torn
    found = log_statistics(log_folder)
    (model,) = found.models
    assert (model.model, model.records, model.first[:10], model.last[:10]) == ("intents", 3, "2026-01-02", "2026-01-04")
    assert sum(model.labels.values()) == 3
    assert model.mean_confidence == pytest.approx(sum(record["confidence"] for record in LogReader(log_folder)) / 3)
    assert (found.segments, found.damaged) == (1, 1)


def test_other_formats_and_folders_are_refused(log_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the format of the output is not known"):
        export_records(LogReader(log_folder), str(tmp_path / "answers.xlsx"))
    with pytest.raises(FileMissing, match="there is no prediction log"):
        LogReader(tmp_path / "none")
    with pytest.raises(ConfigError, match="--since is not a time"):
        parse_time("yesterday", "--since")


def test_an_export_that_fails_leaves_no_file(log_folder: Path, tmp_path: Path) -> None:
    def records() -> object:
        yield next(iter(LogReader(log_folder)))
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        export_records(records(), str(tmp_path / "answers.parquet"))  # type: ignore[arg-type]
    assert not list(tmp_path.glob("*answers*"))
