"""A draft of the technical documentation that Annex IV of Regulation (EU) 2024/1689 lists.

Each point says in short what the annex asks for, what the records know of it, and what people must write. The points
are summaries; the regulation's text counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from glossator.evaluation.markdown import code_span
from glossator.workflows.evidence.facts import Facts

Lines = Callable[[Facts], Iterator[str]]
NOTICE = (
    "A draft, made by a program from recorded facts. It is not legal advice. It does not say whether the regulation "
    "applies to a system, to which class the system belongs, or whether it conforms. The points are summarised; the "
    "text of the regulation counts. A model is one part of a system: most points are about the whole system."
)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the annex: its number, what it asks for in short, and what people must write.

    `recorded`: lines of Markdown on what the records know; None if records can know nothing of it.
    """

    number: str
    subject: str
    people: str
    recorded: Lines | None = None


def annex_document(facts: Facts) -> str:
    """Return the draft as Markdown."""
    parts = [
        f"# Annex IV draft: {facts['model']['name']}",
        f"**{NOTICE}**",
        f"Model version: `{facts['model']['digest']}`",
    ]
    for point in POINTS:
        parts.append(f"## {point.number} {point.subject}")
        lines = recorded_lines(point, facts)
        parts.append(
            "From the records:\n\n" + "\n".join(f"- {line}" for line in lines) if lines else "Nothing is recorded."
        )
        parts.append(f"**People must write:** {point.people}")
    return "\n\n".join(parts) + "\n"


def recorded_lines(point: Point, facts: Facts) -> list[str]:
    """Return what the records know of a point."""
    return [] if point.recorded is None else list(point.recorded(facts))


def _identity(facts: Facts) -> Iterator[str]:
    model = facts["model"]
    yield f"Model `{model['name']}`, version `{model['digest'][:12]}`, made {model['created']}"
    if model["description"]:
        yield f"What it computes: {' '.join(model['description'].split())}"
    earlier = {entry["digest"] for entry in facts["audit"] or ()} - {model["digest"]}
    if earlier:
        yield f"Other versions in the registry: {', '.join(f'`{each[:12]}`' for each in sorted(earlier))}"


def _software(facts: Facts) -> Iterator[str]:
    for package in facts["versions"]["installed"][:1]:
        yield f"{package['name']} {package['version']}; all packages with their versions: `ml_bom.cdx.json`"
    yield f"Bundle format {facts['model']['format_version']}"


def _forms(facts: Facts) -> Iterator[str]:
    served = facts["model"]["served"]
    yield f"A folder of files with an ONNX graph ({served['graph']}, {served['precision']})"
    yield "It can be served over HTTP, called from Python, or run on files"


def _hardware(facts: Facts) -> Iterator[str]:
    speed = facts["model"]["speed"]
    if speed is not None:
        yield f"Speed was measured on: {speed['machine']}; {speed['texts_per_second']:,.0f} texts/s"


def _development(facts: Facts) -> Iterator[str]:
    model = facts["model"]
    options = ", ".join(f"{name} {value}" for name, value in model["options"].items())
    yield f"Algorithm {code_span(model['algorithm'])} ({options}), seed {model['seed']}"
    yield f"Started from {code_span(model['base_model'])}, revision {code_span(model['base_revision'])}"
    for run in facts["runs"]:
        yield f"Run `{run['id']}`: {run['command']}, {run['status']}"


def _design(facts: Facts) -> Iterator[str]:
    model = facts["model"]
    yield f"Input: texts; those of more than {model['input_tokens']} tokens are read in overlapping windows"
    if model["labels"]:
        yield f"Output: {', '.join(map(code_span, model['labels']))}"
    yield f"Choice of the served graph: {model['served']['reason']}"


def _architecture(facts: Facts) -> Iterator[str]:
    sizes = [entry["size"] for name, entry in facts["model"]["files"].items() if name.endswith(".onnx")]
    yield f"Graphs: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB"
    seconds = [run for run in facts["runs"] if run["seconds"] is not None]
    for run in seconds:
        yield f"Run `{run['id']}` took {run['seconds']:,.0f} s"


def _data(facts: Facts) -> Iterator[str]:
    data = facts["data"]
    yield f"Training rows: {data['training_rows']:,}; fingerprint `{data['fingerprint']}`"
    for use, each in data["sources"].items():
        sha256 = each["sha256"] or "not recorded"
        yield f"{use}: {code_span(each['path'])}, SHA-256 `{sha256}`, {each['rows'] or 0:,} rows"
    for card in data["cards"]:
        yield f"Data card: {code_span(card['file'])}; licence of the data: {card['licence'] or 'not stated'}"


def _changes(facts: Facts) -> Iterator[str]:
    for entry in facts["audit"] or ():
        what = " ".join(filter(None, [entry["action"], entry["alias"], f"`{entry['digest'][:12]}`"]))
        yield f"{entry['time']}: {what} by {code_span(entry['by'])}: {code_span(entry['why'] or 'no reason given')}"


def _tests(facts: Facts) -> Iterator[str]:
    for split, each in facts["figures"].items():
        figures = ", ".join(
            f"{name} {metric['value']:.4f} ({metric['low']:.4f} to {metric['high']:.4f})"
            for name, metric in each["metrics"].items()
        )
        yield f"{split}, {each['rows']:,} rows: {figures}"
    for run in facts["measured_again"]:
        worse = [f"{each['by']} {each['value']}" for each in run["slices"] if each["worse"]]
        if run["slices"]:
            yield f"Run `{run['run']}`: {len(run['slices'])} slices; shown to be worse: {', '.join(worse) or 'none'}"
        for each in run["robustness"]:
            yield f"Run `{run['run']}`, {each['name']}: {each['metric']} changes by {each['difference']['value']:+.4f}"


def _security(facts: Facts) -> Iterator[str]:
    yield "Every file of the model has a SHA-256; altered files are refused before they are loaded"
    yield f"{facts['verification']['golden_rows']} recorded answers are repeated before the model is served"


def _limits(facts: Facts) -> Iterator[str]:
    if facts["limits"]:
        yield " ".join(facts["limits"].split())
    yield from _tests(facts)


def _monitoring(facts: Facts) -> Iterator[str]:
    for each in facts["live_accuracy"] or ():
        found = each["accuracy"]
        yield (
            f"{each['since'][:10]} to {each['until'][:10]}: accuracy between {100 * found['low']:.1f} % and "
            f"{100 * found['high']:.1f} %, from {found['reviewed']} reviewed draws of {each['answers']:,} answers"
        )
    for each in facts["drift"] or ():
        yield f"Drift of {each['summary']}: {'alarm' if each['drifted'] else 'no alarm'} after {each['texts']:,} texts"


POINTS = (
    Point(
        "1(a)", "Intended purpose, provider, version", "The intended purpose and the name of the provider.", _identity
    ),
    Point("1(b)", "Interaction with other hardware, software and AI systems", "All of it."),
    Point("1(c)", "Versions of relevant software, and what updates require", "What an update requires.", _software),
    Point("1(d)", "Forms in which the system is placed on the market", "The forms that are really used.", _forms),
    Point("1(e)", "Hardware that it is intended to run on", "The hardware that is intended.", _hardware),
    Point("1(f)", "Photographs of products that it is a component of, if any", "All of it, if it applies."),
    Point("1(g)", "User interface for the deployer", "A basic description."),
    Point("1(h)", "Instructions for use for the deployer", "All of it."),
    Point("2(a)", "Development: methods, steps, systems of others", "Why these methods were chosen.", _development),
    Point(
        "2(b)",
        "Design: logic, choices, assumptions, what is optimised, expected output, trade-offs",
        "The reasons, the assumptions about persons and groups, what the classes mean, and the trade-offs.",
        _design,
    ),
    Point("2(c)", "Architecture and computational resources", "How the parts of the whole system fit.", _architecture),
    Point(
        "2(d)",
        "Data: training methods, provenance, scope, selection, labelling, cleaning",
        "Where the texts come from, how they were chosen, who labelled them by which guideline, and the licences.",
        _data,
    ),
    Point("2(e)", "Human oversight (Article 14)", "The measures, and who carries them out."),
    Point("2(f)", "Changes determined in advance", "Which changes are planned, and how conformity is kept."),
    Point(
        "2(g)",
        "Validation and testing: data, metrics, discriminatory impacts, signed test reports",
        "Whether groups of persons are affected differently. Test reports must be dated and signed.",
        _tests,
    ),
    Point("2(h)", "Cybersecurity", "The measures of the whole system.", _security),
    Point(
        "3",
        "Monitoring, functioning and control: capabilities, limits, accuracy for groups, risks, oversight, input data",
        "Foreseeable unintended outcomes, sources of risk to health, safety and fundamental rights, and the oversight.",
        _limits,
    ),
    Point("4", "Why the performance metrics are appropriate", "All of it."),
    Point("5", "Risk management system (Article 9)", "All of it."),
    Point("6", "Changes made during the lifecycle", "Changes that the registry does not see.", _changes),
    Point("7", "Harmonised standards and other specifications that were applied", "All of it."),
    Point("8", "EU declaration of conformity (Article 47)", "A copy of it."),
    Point(
        "9",
        "Evaluation after placing on the market (Article 72)",
        "The monitoring plan: who reviews how many answers, how often, and what follows.",
        _monitoring,
    ),
)
