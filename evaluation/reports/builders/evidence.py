"""Builds the page of an evidence folder from its facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from glossator.evaluation.markdown import code_span, markdown_table
from glossator.evaluation.reports.document.report import Figure, Report, Section, Tile
from glossator.service.files.report_metadata import ReportMetadata

Facts = Mapping[str, Any]
LIVE_PLOT = "live-accuracy"
"""The plot of the accuracy of each reviewed period."""
_PLOTS = {"reliability": "Reliability on the test rows", "per-class": "F1 of each label on the test rows"}


def build_evidence_report(
    facts: Facts, plots: Mapping[str, str], draft: Sequence[tuple[str, str, bool]], files: Sequence[str]
) -> Report:
    """Return the report.

    Args:
        facts: What the folder knows: `evidence.json`.
        plots: SVG of the test rows by name, as the bundle has them, and `LIVE_PLOT`.
        draft: Number, subject, and whether records say something, of each point of the annex.
        files: The documents in the folder besides this page.
    """
    model = facts["model"]
    figures = tuple(Figure(f"test-{name}", plots[name], title) for name, title in _PLOTS.items() if name in plots)
    live = tuple(Figure(name, plots[name], "Accuracy after deployment") for name in (LIVE_PLOT,) if name in plots)
    sections = [
        Section("What the model is", _model(facts)),
        Section("Data", _data(facts)),
        Section("Figures", _figures(facts), figures=figures),
        Section("Calibration", _calibration(facts)),
        Section("Slices", _slices(facts)),
        Section("Robustness", _robustness(facts)),
        Section("Known limits", facts["limits"] or "None are stated."),
        Section("Promotions", _audit(facts)),
        Section("After deployment", _deployed(facts), figures=live),
        Section("Annex IV: what is drafted, what people must write", _draft(draft)),
        Section("Versions", _versions(facts), folded=True),
        Section("Files", "\n".join(f"- {code_span(name)}" for name in files), folded=True),
    ]
    return Report(
        metadata=ReportMetadata(
            kind="evidence",
            title=f"Evidence on {model['name']}",
            model=f"{model['name']}@{model['digest'][:12]}",
            created=facts["created"],
        ),
        warnings=("Not in this folder:\n\n" + "\n".join(f"- {each}" for each in facts["missing"]),)
        if facts["missing"]
        else (),
        summary="The records of one version of a model, for people who examine it. Every figure comes from the records "
        "in `sources`; `glossator evidence --verify FOLDER` recomputes them and finds every altered byte.",
        tiles=tuple(_tiles(facts)),
        sections=tuple(each for each in sections if each.body or each.figures),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _tiles(facts: Facts) -> Iterator[Tile]:
    split = "test" if "test" in facts["figures"] else next(iter(facts["figures"]), None)
    if split is not None:
        measured = facts["figures"][split]
        name, metric = next(iter(measured["metrics"].items()))
        yield Tile(
            name.replace("_", " "),
            _percent(metric["value"]),
            note=f"95 % interval {_percent(metric['low'])} to {_percent(metric['high'])}",
            meaning=f"{measured['rows']:,} {split} rows",
        )
    yield Tile("training rows", f"{facts['data']['training_rows']:,}")
    for each in (facts["live_accuracy"] or [])[-1:]:
        found = each["accuracy"]
        yield Tile(
            "live accuracy",
            f"{100 * found['low']:.0f} to {_percent(found['high'])}",
            note=f"95 % interval, until {each['until'][:10]}",
        )


def _model(facts: Facts) -> str:
    model = facts["model"]
    rows = [
        ["version", model["digest"]],
        ["task", model["task"]],
        ["algorithm", f"{model['algorithm']}, seed {model['seed']}"],
        ["started from", model["base_model"]],
        ["trained", model["created"]],
        ["licence", model["licence"] or "not stated"],
        ["served", f"{model['served']['graph']} in {model['served']['precision']}"],
    ]
    labels = ", ".join(code_span(label) for label in model["labels"])
    table = "\n".join(f"- {name}: {code_span(value)}" for name, value in rows)
    return "\n\n".join(filter(None, [model["description"], table, labels and f"Labels: {labels}"]))


def _data(facts: Facts) -> str:
    data = facts["data"]
    lines = [f"- fingerprint of the training rows: {code_span(data['fingerprint'])}"]
    lines += [
        f"- data card: {code_span(card['file'])}; licence of the data: {code_span(card['licence'] or 'not stated')}"
        for card in data["cards"]
    ]
    if not data["sources"]:
        return "\n".join(lines)
    rows = [
        [use, each["path"], "" if each["rows"] is None else f"{each['rows']:,}", (each["sha256"] or "")[:16]]
        for use, each in data["sources"].items()
    ]
    return "\n".join(lines) + "\n\n" + markdown_table(["use", "file", "rows", "SHA-256"], rows, right=[2])


def _figures(facts: Facts) -> str:
    rows = [
        [split, f"{each['rows']:,}", name, f"{metric['value']:.4f}", f"{metric['low']:.4f} to {metric['high']:.4f}"]
        for split, each in facts["figures"].items()
        for name, metric in each["metrics"].items()
    ]
    return markdown_table(["rows of", "count", "metric", "value", "95 % interval"], rows, right=[1, 3]) if rows else ""


def _calibration(facts: Facts) -> str:
    rows = [
        [
            split,
            f"{each['ece']:.4f}",
            f"{each['ece_before']:.4f}" if "ece_before" in each else "",
            f"{each['brier']:.4f}",
        ]
        for split, each in facts["details"].items()
        if "ece" in each and "brier" in each
    ]
    return (
        markdown_table(["rows of", "ECE", "before calibration", "Brier score"], rows, right=[1, 2, 3]) if rows else ""
    )


def _slices(facts: Facts) -> str:
    rows = [
        [
            run["run"],
            f"{each['by']}: {each['value']}",
            f"{each['rows']:,}",
            _percent(each["right"]["value"]),
            f"{_percent(each['right']['low'])} to {_percent(each['right']['high'])}",
            "worse" if each["worse"] else "not shown",
        ]
        for run in facts["measured_again"]
        for each in run["slices"]
    ]
    return (
        markdown_table(["run", "slice", "rows", "right", "95 % interval", "worse than the rest"], rows) if rows else ""
    )


def _robustness(facts: Facts) -> str:
    rows = [
        [run["run"], each["name"], each["metric"], f"{each['value']:.4f}", f"{each['difference']['value']:+.4f}"]
        for run in facts["measured_again"]
        for each in run["robustness"]
    ]
    return markdown_table(["run", "change of the texts", "metric", "value", "difference"], rows) if rows else ""


def _audit(facts: Facts) -> str:
    rows = [
        [entry["time"][:19], entry["action"], entry["alias"] or "", entry["digest"][:12], entry["by"], entry["why"]]
        for entry in facts["audit"] or ()
    ]
    return markdown_table(["time (UTC)", "action", "alias", "version", "by", "why"], rows) if rows else ""


def _deployed(facts: Facts) -> str:
    periods = [
        [
            f"{each['since'][:10]} to {each['until'][:10]}",
            f"{each['answers']:,}",
            str(each["accuracy"]["reviewed"]),
            f"{_percent(each['accuracy']['low'])} to {_percent(each['accuracy']['high'])}",
        ]
        for each in facts["live_accuracy"] or ()
    ]
    drift = [
        [each["summary"], f"{each['texts']:,}", "alarm" if each["drifted"] else "no alarm"]
        for each in facts["drift"] or ()
    ]
    parts = [markdown_table(["period", "answers", "reviewed draws", "accuracy (95 %)"], periods)] if periods else []
    parts += [markdown_table(["drift of", "texts", "state"], drift)] if drift else []
    return "\n\n".join(parts)


def _draft(points: Sequence[tuple[str, str, bool]]) -> str:
    rows = [[number, subject, "yes" if recorded else "no"] for number, subject, recorded in points]
    return (
        "The draft is `annex_iv.md`. It is not legal advice, and no point is complete without people.\n\n"
        + markdown_table(["point", "subject", "records say something"], rows)
    )


def _versions(facts: Facts) -> str:
    rows = [[each["name"], each["version"], each["licence"] or "not stated"] for each in facts["versions"]["installed"]]
    trained = ", ".join(f"{name} {version}" for name, version in facts["versions"]["training"].items())
    return f"Trained with: {trained}\n\n" + markdown_table(["package that serves", "version", "licence"], rows)
