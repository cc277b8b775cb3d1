"""The documentation site: every error, setting, command and metric is on it, and nothing in it leads elsewhere."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The built site of this repository, and its faults."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts" / "docs"))
        built: tuple[Path, list[str]] = script("build_docs").build(tmp_path_factory.mktemp("docs"))
    return built


def test_the_site_has_no_broken_link_no_orphan_and_loads_nothing_from_other_hosts(
    site: tuple[Path, list[str]],
) -> None:
    assert site[1] == []


def test_the_site_can_be_searched_and_read_by_programs(site: tuple[Path, list[str]]) -> None:
    folder = site[0]
    assert "reference/python.html" in (folder / "search.json").read_text()
    index = (folder / "llms.txt").read_text()
    assert "- [Quick start](quickstart.html): From a labelled file to a running server" in index
    linked = re.findall(r"\]\(([^)]+)\)", index)
    assert [each for each in linked if not (folder / each).is_file()] == []
    assert "## predict" in (folder / "llms-full.txt").read_text()


def test_every_public_name_has_a_docstring_and_is_in_the_reference(site: tuple[Path, list[str]]) -> None:
    import glossator

    page = (site[0] / "reference" / "python.html").read_text()
    assert [name for name in glossator.__all__ if f'id="glossator{name}"'.lower() not in page.lower()] == ["main"]
    assert script("docs_python").undocumented(ROOT) == []


def test_every_error_has_an_entry_with_its_cause_and_its_fix() -> None:
    reference = script("docs_reference")
    text = (ROOT / "docs" / "errors.md").read_text()
    entries = {part.partition("\n")[0]: part for part in re.split(r"^### ", text, flags=re.M)[1:]}
    assert set(entries) == {error.code for error in reference.error_classes()}
    assert [code for code, entry in entries.items() if "**Cause.**" not in entry or "**Fix.**" not in entry] == []


def test_every_code_of_an_error_is_an_anchor_on_the_site(site: tuple[Path, list[str]]) -> None:
    anchors = set(re.findall(r'<h3 id="([^"]+)"', (site[0] / "errors.html").read_text()))
    assert anchors == {error.code for error in script("docs_reference").error_classes()}


def test_pages_that_the_program_names_exist() -> None:
    packages = ("cli", "evaluation", "export", "glossator", "modeling", "service", "training", "workflows")
    sources = [path for each in packages for path in (ROOT / each).rglob("*") if path.suffix in {".py", ".html"}]
    named = {name for path in sources for name in re.findall(r"docs/[\w/-]+\.md\b", path.read_text())}
    assert len(named) > 3
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_facts_of_an_error_are_put_below_its_heading() -> None:
    page = script("docs_reference").with_error_facts("### overloaded\n\n**Cause.** Load.")
    assert page.split("\n")[2] == "*Class `Overloaded` (GlossatorError) · HTTP 429 Too Many Requests · exit code 1*"


def test_the_type_of_a_problem_ends_with_the_anchor_of_its_entry() -> None:
    from glossator.service.api.problems import build_problem
    from glossator.service.errors import EmptyText

    assert build_problem(EmptyText("the text is empty"), "/").type == "urn:glossator:problem:empty-text"


def test_every_setting_and_every_metric_of_a_server_is_listed() -> None:
    from prometheus_client import generate_latest

    from glossator.service.api.monitoring.metrics import Metrics
    from glossator.service.api.settings import Settings

    reference = script("docs_reference")
    settings = reference.settings_page(ROOT)
    assert [name for name in Settings.model_fields if f"`GLOSSATOR_{name.upper()}`" not in settings] == []
    listed = set(re.findall(r"^\| `(\w+)`", reference.metrics_page(ROOT), re.M))
    registry: Any = Metrics(list, "1")._registry
    served = set(re.findall(r"^# HELP (glossator_\w+)", generate_latest(registry).decode(), re.M))
    assert served
    assert {name for name in served if not name.endswith("_created")} <= listed


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Text:\n- a\n- b", "Text:\n\n- a\n- b"),
        ("- a\n  more\n  - b", "- a\n    more\n    - b"),
        ("```\nText:\n- a\n```", "```\nText:\n- a\n```"),
    ],
)
def test_lists_of_github_become_lists_of_the_site(source: str, expected: str) -> None:
    assert script("build_docs").to_python_markdown(source) == expected


def test_links_follow_a_page_to_its_place_in_the_site() -> None:
    found: list[str] = []
    text = "[a](../benchmarks/results/a.md#b) [c](c.md) `[d](d.md)`\n```\n[e](e.md)\n```"
    places = {"benchmarks/results/a.md": "source/benchmarks/results/a.md", "docs/c.md": "c.md"}
    assert (
        script("docs_links")
        .rewrite(text, "x/page.md", places, found, "docs/page.md")
        .split("\n")[0]
        .startswith("[a](../source/benchmarks/results/a.md#b) [c](../c.md)")
    )
    assert found[:2] == ["benchmarks/results/a.md", "docs/c.md"]


def test_faults_of_a_built_site_are_named(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<a href="a.html#x">a</a><a href="gone.html">b</a>')
    (tmp_path / "a.html").write_text('<h1 id="y">a</h1><script src="https://cdn.example/a.js"></script>')
    (tmp_path / "orphan.html").write_text("alone")
    (tmp_path / "a.css").write_text("@import url(//fonts.example/a.css)")
    assert script("docs_links").site_faults(tmp_path) == [
        "a.html: loads from another host: https://cdn.example/a.js",
        "index.html: no such anchor: a.html#x",
        "index.html: the link leads nowhere: gone.html",
        "orphan.html: no page links to it",
        "a.css: loads from another host: //fonts.example/a.css",
    ]


def test_pages_that_are_not_in_the_navigation_and_entries_without_a_page_are_faults() -> None:
    faults: list[str] = []
    nav = script("build_docs").navigation([{"A": ["a2.md", "a*.md", "b.md"]}, "none*.md"], ["a1.md", "a2.md"], faults)
    assert nav == [{"A": ["a2.md", "a1.md"]}]
    assert faults == ["zensical.toml: there is no page b.md"]


def test_versions_are_listed_with_the_newest_first(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("page")
    for release in ("0.9.0", "0.10.0"):
        script("build_docs").publish(site, tmp_path / "docs", release)
    versions = json.loads((tmp_path / "docs" / "versions.json").read_text())
    assert [(each["version"], each["aliases"]) for each in versions] == [("0.10.0", ["latest"]), ("0.9.0", [])]
    assert "0.10.0/index.html" in (tmp_path / "docs" / "index.html").read_text()
