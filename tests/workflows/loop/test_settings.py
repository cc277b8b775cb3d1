"""The file with the settings of a loop: paths, and every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from glossator.service.errors import ConfigError, FileMissing
from glossator.workflows.loop.settings import read_settings


def write(folder: Path, content: str) -> Path:
    path = folder / "loop.toml"
    path.write_text(content)
    return path


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[closed-loop]\nmodel = "tickets"\nlog = "log"\nregistry = "/srv/registry"\nperiod-hours = 24\ntest = "t.csv"\n'
        'corpus = ["a.csv"]\n',
    )
    found = read_settings(path)
    assert (found.log, found.registry) == (tmp_path / "log", Path("/srv/registry"))
    assert (found.output, found.runs) == (tmp_path / "retrainings", tmp_path / "runs")
    assert (found.test, found.corpus) == (str(tmp_path / "t.csv"), (str(tmp_path / "a.csv"),))
    assert (found.period_hours, found.tasks, found.promote) == (24.0, None, True)


def test_a_single_source_needs_no_list(tmp_path: Path) -> None:
    found = read_settings(
        write(tmp_path, '[closed-loop]\nmodel = "tickets"\nlog = "log"\nregistry = "r"\ncorpus = "a.csv"\n')
    )
    assert found.corpus == (str(tmp_path / "a.csv"),)


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    path = write(tmp_path, '[closed-loop]\nmodel = "tickets"\nlabels = 0\ncolour = "red"\nlog = "log"\n')
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    assert {fault.where for fault in caught.value.faults} == {"labels", "colour", "registry"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "one table"),
        ("[serve]\n", "one table"),
        ("[closed-loop", "not TOML"),
        ("[closed-loop]\n[other]\n", "one table"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(write(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        read_settings(tmp_path / "absent.toml")
