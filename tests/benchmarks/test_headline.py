"""The README's figures all have a benchmark in `make bench-headline`, and are compared with this kind of machine."""

from __future__ import annotations

import importlib.util

from benchmarks.common.results import RESULTS, ROOT
from benchmarks.headline import BENCHMARKS, Results, Shown, compare, figures_of


def test_every_figure_of_the_readme_is_measured() -> None:
    shown = {each.result for each in figures_of((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert shown == BENCHMARKS.keys()


def test_the_benchmarks_exist() -> None:
    for module, *_ in BENCHMARKS.values():
        assert importlib.util.find_spec(module) is not None


def test_figures_are_compared_with_those_of_a_kind_of_machine() -> None:
    text = "<!--figure engines@amx.short.stock-->9.99<!--/figure--> <!--figure bulk.short.spacy-->2<!--/figure-->"
    shown = list(figures_of(text))
    assert shown == [Shown("engines@amx.short.stock", "9.99"), Shown("bulk.short.spacy", "2")]
    first, second = compare(shown, Results(RESULTS), "vnni-amd-epyc")
    assert (first[0], first[1], first[3]) == ("engines@vnni-amd-epyc.short.stock", "9.99", "changed")
    assert first[2] == Results(RESULTS).text("engines@vnni.short.stock")
    assert second[2:] == ("", "there is no result of bulk@vnni-amd-epyc in results/bulk")
