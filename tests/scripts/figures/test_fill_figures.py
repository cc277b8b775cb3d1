"""`fill_figures.py` on small documents, and `scripts/figures/figures.py` against the reports of the benchmarks."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = [
    {"p99_at_80": 100, "p99_at_300": 150, "goodput_at_300": 1.01, "refused_p99": 5.0, "refused_at_80": 0.02},
    {"p99_at_80": 100, "p99_at_300": 180, "goodput_at_300": 0.90, "refused_p99": 7.0, "refused_at_80": 0.03},
    {"p99_at_80": 200, "p99_at_300": 400, "goodput_at_300": 1.09, "refused_p99": 37.0, "refused_at_80": 0.04},
]
COUNTS = {"server_errors": 0, "without_retry_after": 0}
"""A result of `benchmarks/reliability/overload.py`: p99 at 300 % over p99 at 80 % is 1.5, 1.8 and 2.0."""


@pytest.fixture(scope="module")
def scripts() -> Iterator[tuple[ModuleType, ModuleType]]:
    """`fill_figures` and `figures` as modules."""
    sys.path.insert(0, str(ROOT / "scripts" / "figures"))
    yield importlib.import_module("fill_figures"), importlib.import_module("figures")
    sys.path.remove(str(ROOT / "scripts" / "figures"))


@pytest.fixture
def fill_figures(scripts: tuple[ModuleType, ModuleType]) -> ModuleType:
    return scripts[0]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one result and no document."""
    (tmp_path / "docs").mkdir()
    store(tmp_path, [{**each, **COUNTS} for each in ROUNDS])
    return tmp_path


def store(project: Path, values: object, machine: str = "avx2-amd-epyc", date: str = "2026-11-01") -> None:
    """Store a result of `overload`; the rest of its fields is checked by `tests/benchmarks/common/test_results.py`."""
    folder = project / "benchmarks" / "results" / "overload"
    folder.mkdir(parents=True, exist_ok=True)
    about = {"kind": machine, "description": f"the machine {machine}"}
    result = {"date": date, "commit": None, "machine": about, "values": values}
    (folder / f"{machine}.json").write_text(json.dumps(result))


def figure(name: str, shown: str) -> str:
    return f"<!--figure {name}-->{shown}<!--/figure-->"


def check(fill_figures: ModuleType, project: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `--check` prints about a README."""
    (project / "README.md").write_text(text, encoding="utf-8")
    code = fill_figures.main(["--check", str(project)])
    printed = capsys.readouterr().out.splitlines()
    assert code == (1 if printed else 0)
    assert (project / "README.md").read_text(encoding="utf-8") == text
    return printed


def test_fill_writes_the_value_and_its_range(fill_figures: ModuleType, project: Path) -> None:
    text = "# A\n\np99 is {} times.\n\n| x | {} | {} |\n"
    names = ("overload.p99_ratio.range", "overload.goodput", "overload.refusal_ms")
    readme, page = project / "README.md", project / "docs" / "page.md"
    for path in (readme, page):
        path.write_text(text.format(*(figure(name, "") for name in names)))
    assert fill_figures.main([str(project)]) == 0
    expected = ("1.80 (1.50 to 2.00)", "101%", "7.0")
    for path in (readme, page):
        assert path.read_text() == text.format(*map(figure, names, expected))


def test_filling_twice_changes_nothing(fill_figures: ModuleType, project: Path) -> None:
    readme = project / "README.md"
    readme.write_text(f"It is {figure('overload.goodput', '122%')} of the capacity\n")
    fill_figures.main([str(project)])
    once = readme.read_text()
    fill_figures.main([str(project)])
    assert readme.read_text() == once == f"It is {figure('overload.goodput', '101%')} of the capacity\n"


def test_a_stale_figure_is_listed_with_file_line_shown_and_stored(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"# A\n\np99 is {figure('overload.p99_ratio', '1.25')} times\n"
    assert check(fill_figures, project, text, capsys) == [
        "README.md:3: overload.p99_ratio is stale. Shown: '1.25'. Stored: '1.80'"
    ]


def test_a_new_result_makes_the_documents_stale(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"p99 is {figure('overload.refusal_ms', '7.0')} ms\n"
    assert check(fill_figures, project, text, capsys) == []
    store(project, [{**each, **COUNTS, "refused_p99": 9.0} for each in ROUNDS])
    assert check(fill_figures, project, text, capsys) == [
        "README.md:1: overload.refusal_ms is stale. Shown: '7.0'. Stored: '9.0'"
    ]


def test_figures_are_of_the_newest_machine_or_of_the_one_that_is_named(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(project, [{**each, **COUNTS, "refused_p99": 9.0} for each in ROUNDS], "amx-intel-xeon", "2026-11-02")
    older, newer = figure("overload@avx2.refusal_ms", "7.0"), figure("overload.refusal_ms", "9.0")
    where = figure("overload@avx2.machine", "the machine avx2-amd-epyc")
    assert check(fill_figures, project, f"It took {older} ms on {where}, now {newer} ms\n", capsys) == []
    link = "([overload](benchmarks/results/overload/amx-intel-xeon.md))"
    assert check(fill_figures, project, f"It took {newer} ms {link}\n", capsys) == []
    said = "a link to the results of overload on amx-intel-xeon, but no figure from them"
    assert check(fill_figures, project, f"It took {older} ms {link}\n", capsys) == [f"README.md:1: {said}"]


@pytest.mark.parametrize("start", ["", "  ", "- ", "1. ", "> "])
def test_a_marker_may_not_begin_a_line(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str], start: str
) -> None:
    link, shown = "[overload](benchmarks/results/overload/avx2-amd-epyc.md)", figure("overload.goodput", "101%")
    assert ">overload</a>" not in MarkdownIt().render(f"{start}{shown} {link}\n")
    said = "a marker begins the line: Markdown takes the whole line for HTML; put a word before it"
    assert check(fill_figures, project, f"{start}{shown} {link}\n", capsys) == [f"README.md:1: {said}"]
    assert ">overload</a>" in MarkdownIt().render(f"{start}It is {shown} {link}\n")
    assert check(fill_figures, project, f"{start}It is {shown} {link}\n", capsys) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (figure("overload.p98_ratio", "1.80"), "overload has no figure 'p98_ratio'. It has: machine, date, "),
        (figure("overlord.p99_ratio", "1.80"), "scripts/figures/figures.py has no result 'overlord'. It has: "),
        (figure("quota.times", "1.01"), "there is no result of quota in results/quota"),
        ("<!--figure overload.goodput-->101%", "a marker is malformed, or does not end on its line"),
        ("101%<!--/figure-->", "a marker is malformed, or does not end on its line"),
        ("<!-- figure overload.goodput -->x<!-- /figure -->", "a marker is malformed, or does not end on its line"),
        ("<!--fixed-->limit", "a marker is malformed, or does not end on its line"),
    ],
)
def test_a_marker_that_cannot_be_filled_is_a_fault(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    printed = check(fill_figures, project, f"# A\n\nIt is {line}\n", capsys)
    assert printed[0].startswith(f"README.md:3: {said}")


def test_a_result_of_another_shape_is_a_fault(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(project, [{"p99": 1}])
    printed = check(fill_figures, project, f"It is {figure('overload.goodput', '101%')}", capsys)
    assert printed == ["README.md:1: the result of overload cannot be read: KeyError: 'p99_at_300'"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("it is 1.2 times as fast", "1.2 times"),
        ("it is 1.2x as fast", "1.2x"),
        ("p99 is 40 ms", "40 ms"),
        ("it answers 3,545 texts/s", "3,545 texts/s"),
        ("it answers 3,545 texts a second", "3,545 texts a second"),
        ("it takes 161 MB", "161 MB"),
        ("a goodput of 122 %", "122 %"),
        ("1.25 (1.10 to 1.40)", "1.10 to 1.40"),
        ("an accuracy of 0.933", "0.933"),
        ("the first answer after 0.66 s", "0.66 s"),
        ("| p99 | 40 ms |", "40 ms"),
    ],
)
def test_a_number_that_looks_measured_has_to_be_filled(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str], line: str, found: str
) -> None:
    said = f"README.md:2: {found!r} looks measured: fill it from a result, or mark it as fixed"
    assert check(fill_figures, project, f"# A\n{line}\n", capsys) == [said]


@pytest.mark.parametrize(
    "line",
    [
        "with a 95 % interval",
        "a matrix of 512 x 384",
        "Python 3.11 and version 1.32.0",
        "closed after 30 s; tried 3 times",
        "a limit of <!--fixed-->64 MB<!--/fixed-->",
        "`--threads 2 # 1.2 times`",
        "[a page](docs/1.2x.md)",
        "```\n1.2 times as fast, 40 ms\n```",
        "```\n<!--figure overload.nothing-->1<!--/figure-->\n```",
    ],
)
def test_other_numbers_are_left_alone(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert check(fill_figures, project, f"# A\n{line}\n", capsys) == []


def test_a_link_to_results_needs_one_of_their_figures(
    fill_figures: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link, shown = "([overload](benchmarks/results/overload/avx2-amd-epyc.md))", figure("overload.goodput", "101%")
    said = "a link to the results of overload on avx2-amd-epyc, but no figure from them"
    paragraphs = f"It is {shown}\nof the capacity {link}.\n\nSee {link}.\n"
    text = f"{paragraphs}\n- It is {shown}\n- {link}\n\n| {link} | {shown} |\n| {link} | |\n"
    assert check(fill_figures, project, text, capsys) == [f"README.md:{line}: {said}" for line in (4, 7, 10)]


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("engines", r"(short|mixed)\..*\.range"),
        ("online", r"(short|mixed)\.\w+\.(times|rate)\.range"),
        ("out_of_scope", r".*"),
        ("overload", r"p99_ratio\.range|refusal_ms\.range|server_errors"),
        ("quota", r"times\.range"),
        ("ray_actors", r".*\.range"),
        ("partitions", r".*efficiency.*range|.*_time\.range|part|driver_part|.*others\.range"),
        ("cluster_simulation", r"rows|row_bytes|.*parts|(64|16|4)\.1000\.(time|cpu_hours|tail)"),
        ("repeated_export", r".*"),
        ("replicas", r".*seconds\.range|.*requests|.*failed"),
        ("tfidf_characters", r".*"),
        ("two_lanes", r".*\.range"),
        ("memory", r".*"),
        ("memory_http", r".*"),
        ("million_rows", r"seconds"),
        ("mutants", r".*"),
        ("job_history", r"jobs"),
        ("kill_sweep", r"runs"),
        ("verify_damage", r".*"),
    ],
)
def test_figures_are_those_of_the_benchmarks_own_report(
    scripts: tuple[ModuleType, ModuleType], file: str, pattern: str
) -> None:
    (result, *_) = sorted((ROOT / "benchmarks" / "results" / file).glob("*.json"))
    found = scripts[1].FIGURES[file](json.loads(result.read_text())["values"])
    numbers = set(re.findall(r"\d[\d,.]*\d|\d", result.with_suffix(".md").read_text()))
    checked = {
        name: set(re.findall(r"\d[\d,.]*\d|\d", text)) for name, text in found.items() if re.fullmatch(pattern, name)
    }
    assert checked
    assert {name: text - numbers for name, text in checked.items() if text - numbers} == {}
