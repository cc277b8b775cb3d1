from __future__ import annotations

from xml.etree import ElementTree

from glossator.evaluation.reports.plots.drift_plot import SummaryPanel, drift_svg


def panel(name: str, *, drifted: bool = False, now: tuple[float, ...] = (0.5, 0.6)) -> SummaryPanel:
    return SummaryPanel(name, (0.1, 0.2, 0.3), now, 1.0, 0.2, 1.0, drifted)


def test_the_plot_names_each_summary_and_what_was_shown() -> None:
    found = drift_svg("tickets <1> & $x$", [panel("confidence", drifted=True), panel("tokens"), panel("score", now=())])
    root = ElementTree.fromstring(found)
    texts = [each.text for each in root.iter() if each.text]
    assert any("tickets <1> & $x$" in text for text in texts)
    description = next(text for text in texts if text.startswith("Share of the texts"))
    assert (
        "confidence: distance 1.00 (0.20 to 1.00), drifted; tokens: distance 1.00 (0.20 to 1.00); score" in description
    )
    assert found == drift_svg(
        "tickets <1> & $x$", [panel("confidence", drifted=True), panel("tokens"), panel("score", now=())]
    )


def test_many_values_make_a_plot_of_bounded_size() -> None:
    many = SummaryPanel("tokens", [1.0] * 2_000, [float(number) for number in range(100_000)], 0.5, 0.4, 0.6, True)
    assert len(drift_svg("tickets", [many])) < 100_000
