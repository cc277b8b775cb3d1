"""No circles of imports between files. Layers and other import rules are contracts of import-linter, in pyproject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import grimp


def first_circle(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the files of one circle, the first one repeated at the end; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found() -> None:
    assert first_circle({"a": ["b"], "b": ["c"], "c": []}) == []
    circle = first_circle({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b", "c"}


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("glossator", exclude_type_checking_imports=True, cache_dir=None)
    assert {"glossator.cli.app", "glossator.service.errors", "glossator.workflows.reporter"} <= graph.modules
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert first_circle(imports) == []
