"""The documents of an evidence folder, made from the copied records: facts, page, draft and bill of materials."""

from __future__ import annotations

from collections.abc import Mapping

from glossator.evaluation.reports.builders.evidence import LIVE_PLOT, build_evidence_report
from glossator.evaluation.reports.plots.live_accuracy_plot import AccuracyPoint, live_accuracy_svg
from glossator.service.files.printable_json import printable_json
from glossator.workflows.evidence import file_names
from glossator.workflows.evidence.annex_iv import POINTS, annex_document, recorded_lines
from glossator.workflows.evidence.bill_of_materials import bill_of_materials
from glossator.workflows.evidence.facts import Facts, facts_of
from glossator.workflows.report_files import render_files

_PLOTS = f"{file_names.BUNDLE}evaluation/test-"


def documents_of(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the documents by file name. The same records, read by the same version, give the same bytes.

    Raises BundleError, ValueError or KeyError for damaged records.
    """
    facts = facts_of(sources)
    plots = {
        name.removeprefix(_PLOTS).removesuffix(".svg"): data.decode()
        for name, data in sources.items()
        if name.startswith(_PLOTS) and name.endswith(".svg")
    }
    plots |= _live_plot(facts)
    draft = [(each.number, each.subject, bool(recorded_lines(each, facts))) for each in POINTS]
    listed = [file_names.FACTS, file_names.TEXT, file_names.ANNEX, file_names.MATERIALS, *sorted(sources)]
    report = build_evidence_report(facts, plots, draft, listed)
    documents = render_files(report, html=file_names.PAGE, markdown=file_names.TEXT) | {
        file_names.FACTS: printable_json(facts, indent=2) + "\n",
        file_names.ANNEX: annex_document(facts),
        file_names.MATERIALS: printable_json(bill_of_materials(facts), indent=2) + "\n",
    }
    return {name: text.encode() for name, text in documents.items()}


def _live_plot(facts: Facts) -> dict[str, str]:
    """Return the plot of the accuracy after deployment; none without reviewed periods."""
    periods = facts["live_accuracy"] or []
    points = [
        AccuracyPoint(
            since=each["since"],
            until=each["until"],
            version=each["digest"],
            answers=each["answers"],
            reviewed=each["accuracy"]["reviewed"],
            value=each["accuracy"]["value"],
            low=each["accuracy"]["low"],
            high=each["accuracy"]["high"],
            calibrated=each["if_calibrated"],
        )
        for each in periods
    ]
    if not points:
        return {}
    return {LIVE_PLOT: live_accuracy_svg(facts["model"]["name"], points, confidence=periods[0]["confidence"])}
