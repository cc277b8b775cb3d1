from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from glossator.evaluation.metrics.classification import Evaluation
from glossator.evaluation.reports.plots.evaluation_plots import (
    MAX_DRAWN_LABELS,
    class_f1_svg,
    confusion_svg,
    reliability_svg,
)
from glossator.service.errors import ConfigError

EIGHT = ["delivery", "refund", "login", "billing", "returns", "product question", "complaint", "other"]
MANY = [f"topic_{number:03}" for number in range(77)]
AWKWARD = ["配送が遅い", "a <b> & \"c\" 'd'", "$x_1$", "tab\tand\x07bell", "lone \ud800 surrogate"]
SVG = "{http://www.w3.org/2000/svg}"
Make = Callable[..., Evaluation]
Draw = Callable[[Evaluation], str]

EVERY = pytest.mark.parametrize("draw", [confusion_svg, reliability_svg, class_f1_svg])


def texts(svg: str) -> list[str]:
    """Every piece of text that the plot shows."""
    return ["".join(element.itertext()).strip() for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@EVERY
@pytest.mark.parametrize("labels", [EIGHT, MANY, AWKWARD], ids=["8", "77", "awkward"])
def test_plots_are_well_formed_and_named(draw: Draw, labels: list[str], single_label: Make) -> None:
    root = ElementTree.fromstring(draw(single_label(labels, name="validation")))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert "validation: 400 rows" in (title.text or "")
    assert len(description.text or "") > 20


@EVERY
def test_plots_are_the_same_bytes_with_any_matplotlib_style(draw: Draw, single_label: Make) -> None:
    result = single_label(EIGHT)
    first = draw(result)
    with mpl.rc_context({"font.size": 20.0, "axes.facecolor": "black", "svg.hashsalt": None, "svg.fonttype": "path"}):
        assert draw(result) == first
        assert mpl.rcParams["font.size"] == 20.0
    assert "dc:date" not in first


def test_plots_are_the_same_bytes_in_another_process(single_label: Make) -> None:
    result = single_label(EIGHT)
    program = (
        "import json, sys; from glossator.evaluation.metrics.classification import Evaluation;"
        "from glossator.evaluation.reports.plots.evaluation_plots import *;"
        "e = Evaluation.from_dict(json.load(sys.stdin)); assert 'matplotlib.pyplot' not in sys.modules;"
        "sys.stdout.reconfigure(encoding='utf-8', newline='');"
        "sys.stdout.write(confusion_svg(e) + reliability_svg(e) + class_f1_svg(e))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(result.to_dict()).encode(), capture_output=True, check=True
    )
    assert done.stdout.decode() == confusion_svg(result) + reliability_svg(result) + class_f1_svg(result)


def test_plots_confusion_of_few_labels_shows_every_number(single_label: Make) -> None:
    result = single_label(EIGHT)
    shown = texts(confusion_svg(result))
    assert result.confusion is not None
    assert sorted(text for text in shown if text.isdigit()) == sorted(
        str(count) for row in result.confusion for count in row if count
    )
    assert all(shown.count(label) == 2 for label in EIGHT)


def test_plots_confusion_of_many_labels_lists_the_most_frequent(single_label: Make) -> None:
    result = single_label(MANY, rows=900)
    shown = texts(confusion_svg(result))
    top = result.top_confusions(30)
    listed = [text for text in shown if "→" in text and text.startswith("topic_")]
    assert listed == [f"{each.gold} → {each.predicted}" for each in top]
    assert [text for text in shown if text.isdigit()] == [str(each.count) for each in top]
    assert all(label in shown for label in MANY)


def test_plots_keep_every_text_inside_the_plot(single_label: Make) -> None:
    root = ElementTree.fromstring(confusion_svg(single_label(MANY[:21], rows=300)))
    height = float((root.get("viewBox") or "").split()[3])
    placed = [float(element.get("y") or 0.0) for element in root.iter(f"{SVG}text")]
    assert placed
    assert all(0.0 <= y <= height for y in placed)


def test_plots_of_too_many_labels_say_so(single_label: Make) -> None:
    labels = [f"label {number}" for number in range(MAX_DRAWN_LABELS + 30)]
    result = single_label(labels, rows=600)
    for svg, note in (
        (confusion_svg(result), f"the {MAX_DRAWN_LABELS} labels with the most mistakes"),
        (class_f1_svg(result), f"the {MAX_DRAWN_LABELS} lowest"),
    ):
        shown = texts(svg)
        assert any(text.endswith(note) for text in shown)
        assert sum(label in shown for label in labels) == MAX_DRAWN_LABELS


def test_plots_show_labels_as_they_are_written(single_label: Make) -> None:
    shown = texts(class_f1_svg(single_label(AWKWARD)))
    assert {"配送が遅い", "a <b> & \"c\" 'd'", "$x_1$", "tab and bell", "lone \\ud800 surrogate"} <= set(shown)


def test_plots_class_f1_lowest_first(multi_label: Make) -> None:
    result = multi_label(EIGHT)
    shown = [text for text in texts(class_f1_svg(result)) if text in EIGHT]
    assert shown == [score.label for score in sorted(result.classes, key=lambda score: score.f1)]


def test_plots_reliability_says_what_multi_label_pools(single_label: Make, multi_label: Make) -> None:
    result = multi_label(EIGHT)
    assert any(f"{result.ece:.4f} (mean over labels" in text for text in texts(reliability_svg(result)))
    assert not any("mean over labels" in text for text in texts(reliability_svg(single_label(EIGHT))))


def test_plots_refuse_a_confusion_matrix_for_multi_label(multi_label: Make) -> None:
    with pytest.raises(ConfigError, match="exactly one label"):
        confusion_svg(multi_label(EIGHT))
