"""The documents of an evidence folder, made from the copied records: facts, page, draft and bill of materials."""

from __future__ import annotations

from collections.abc import Mapping

from glossator.evaluation.reports.builders.evidence import build_evidence_report
from glossator.service.files.printable_json import printable_json
from glossator.workflows.evidence import file_names
from glossator.workflows.evidence.annex_iv import POINTS, annex_document, recorded_lines
from glossator.workflows.evidence.bill_of_materials import bill_of_materials
from glossator.workflows.evidence.facts import facts_of
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
    draft = [(each.number, each.subject, bool(recorded_lines(each, facts))) for each in POINTS]
    listed = [file_names.FACTS, file_names.TEXT, file_names.ANNEX, file_names.MATERIALS, *sorted(sources)]
    report = build_evidence_report(facts, plots, draft, listed)
    documents = render_files(report, html=file_names.PAGE, markdown=file_names.TEXT) | {
        file_names.FACTS: printable_json(facts, indent=2) + "\n",
        file_names.ANNEX: annex_document(facts),
        file_names.MATERIALS: printable_json(bill_of_materials(facts), indent=2) + "\n",
    }
    return {name: text.encode() for name, text in documents.items()}
