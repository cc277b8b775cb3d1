"""A trained project, copied for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from loop_project import LoopProject

TOPICS = {
    "delivery": ["where is my parcel", "the parcel is late", "courier did not come", "when will it arrive"],
    "refund": ["i want my money back", "refund not received", "please refund the order", "money is missing"],
    "login": ["cannot log in", "password reset fails", "my account is locked", "login page is broken"],
}
FILLERS = ["please help", "thanks", "hello", "order 1234", "again", "since monday", "today", "regards"]


def rows() -> list[tuple[str, str]]:
    return [(f"{text} {filler}", label) for label, texts in TOPICS.items() for text in texts for filler in FILLERS]


@pytest.fixture(scope="session")
def trained_project(tiny_base: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> LoopProject:
    project = LoopProject(tmp_path_factory.mktemp("project"))
    project.train(rows(), tiny_base("bert"))
    return project


@pytest.fixture
def project(trained_project: LoopProject, tmp_path: Path) -> LoopProject:
    return trained_project.copy(tmp_path / "project")
