"""Reference pages made from the program itself: commands, HTTP routes, settings, metrics, and facts about errors.

Each function returns a page as Markdown. `scripts/docs/build_docs.py` writes them into the site; none is stored,
so none can be out of date.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import griffe

METRIC_KINDS = {
    "Counter": "counter",
    "CounterMetricFamily": "counter",
    "Gauge": "gauge",
    "GaugeMetricFamily": "gauge",
    "Histogram": "histogram",
}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    """The text on one line; a bar is escaped, except in code, where the site's parser would show the backslash."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if number % 2 else part.replace("|", "\\|") for number, part in enumerate(parts))


def commands_page() -> str:
    """Every command with its help, as the program prints it."""
    import typer

    from glossator.cli.app import app

    program: Any = typer.main.get_command(app)
    parts = [
        "# Commands\n",
        "The help of every command, as `glossator COMMAND --help` prints it. "
        "Options can also be set by environment variables and in `glossator.toml` "
        "([quick start](../quickstart.md#settings)).\n",
    ]
    parts += [_command("glossator", program, level=2)]
    for name, command in program.commands.items():
        parts.append(_command(f"glossator {name}", command, level=2))
        for inner_name, inner in getattr(command, "commands", {}).items():
            parts.append(_command(f"glossator {name} {inner_name}", inner, level=3))
    return "\n".join(parts)


def _command(path: str, command: Any, level: int) -> str:
    context = command.context_class(command, info_name=path, terminal_width=100, max_content_width=100)
    title = path.removeprefix("glossator ") if path != "glossator" else "The program"
    return f"{'#' * level} {title}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


def settings_page(root: Path) -> str:
    """Every setting of the server: its variable, type, default and meaning."""
    from glossator.service.api.settings import PREFIX, Settings

    path = root / "service" / "api" / "settings.py"
    members = griffe.visit("settings", filepath=path, code=path.read_text(encoding="utf-8"))["Settings"].members
    rows = []
    for name, field in Settings.model_fields.items():
        member = members[name]
        text = member.docstring.value if member.docstring else ""
        default = "random" if field.default_factory is not None else _default(field.default)
        rows.append([f"`{PREFIX}{name}`".upper(), f"`{_type_name(str(member.annotation))}`", default, text])
    return (
        "# Settings of the server\n\n"
        "`glossator serve` reads these environment variables; its options take precedence "
        "([commands](commands.md#serve)). Lists are separated by commas or white space. "
        "All invalid settings are reported together, as [`config-error`](../errors.md#config-error).\n\n"
        + table(["Variable", "Type", "Default", "Meaning"], rows)
    )


def _type_name(annotation: str) -> str:
    """The type without its validation, such as `int | None` for `Annotated[int | None, ...]`."""
    inner = annotation.removeprefix("Annotated[").partition(", Field")[0].partition(", NoDecode")[0]
    return inner.replace("Positive", "int").replace("Names", "list").replace("Shares", "list")


def _default(value: object) -> str:
    return "none" if value is None or value == () else f"`{value}`"


def metrics_page(root: Path) -> str:
    """Every metric that the server defines: name, type, labels and meaning."""
    from glossator.service.api.monitoring.metrics import _TOTALS

    found = {name: ("counter", ["model"], what) for name, (what, _) in _TOTALS.items()}
    for path in sorted((root / "service" / "api").rglob("*.py")):
        found |= {name: (kind, labels, what) for name, kind, labels, what in _metrics(ast.parse(path.read_text()))}
    rows = [
        [f"`{name}_total`" if kind == "counter" else f"`{name}`", kind, ", ".join(f"`{each}`" for each in labels), what]
        for name, (kind, labels, what) in sorted(found.items())
    ]
    return (
        "# Metrics\n\n"
        "`GET /metrics` returns these for Prometheus, in base units, with those of the process (`process_...`). Every "
        "label has a fixed set of values. A histogram has `_bucket`, `_sum` and `_count`. What to watch: "
        "[operations](../operations.md).\n\n" + table(["Metric", "Type", "Labels", "Meaning"], rows)
    )


def _metrics(tree: ast.Module) -> Iterator[tuple[str, str, list[str], str]]:
    """The metrics that a module defines, by the calls of prometheus_client's classes."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names = {
            target.id: ast.literal_eval(node.value)
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.List)
            for target in node.targets
            if isinstance(target, ast.Name) and all(isinstance(each, ast.Constant) for each in node.value.elts)
        }
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            kind = METRIC_KINDS.get(call.func.id) if isinstance(call.func, ast.Name) else None
            if kind is None or len(call.args) < 2 or not isinstance(call.args[0], ast.Constant):
                continue
            given = [*call.args[2:3], *(each.value for each in call.keywords if each.arg in {"labels", "labelnames"})]
            labels = [label for argument in given for label in _labels(argument, names)]
            yield str(call.args[0].value), kind, labels, ast.literal_eval(call.args[1])


def _labels(node: ast.expr, names: Mapping[str, list[str]]) -> list[str]:
    if isinstance(node, ast.Name):
        return names.get(node.id, [])
    if isinstance(node, ast.Starred):
        return _labels(node.value, names)
    if isinstance(node, ast.List | ast.Tuple):
        return [label for each in node.elts for label in _labels(each, names)]
    return [str(node.value)] if isinstance(node, ast.Constant) else []


def openapi() -> dict[str, Any]:
    """The OpenAPI document of a server with all routes: jobs, feedback, reviews, promotions and every dialect."""
    from glossator.service.api.app import create_app
    from glossator.service.api.settings import Settings
    from glossator.service.inference.model import Model

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = SimpleNamespace(path=folder, manifest=None)
        model = cast(Model, SimpleNamespace(digest="0" * 64, batchers=[], task=None, limit=None, bundle=bundle))
        app = create_app({"tickets": model}, Settings(jobs=folder / "jobs", prediction_log=folder / "log"))
        document: dict[str, Any] = app.openapi()
        service = app.state.service
        for part in (service.jobs, service.log, service.feedback, service.reviews, service.labelling, service.monitor):
            if part is not None:
                part.close()
    return document


def http_page(document: Mapping[str, Any]) -> str:
    """Every route of the HTTP API, by tag: parameters, body, responses."""
    parts = [
        "# HTTP routes\n",
        "Made from the server's own OpenAPI document: [openapi.json](openapi.json), which a server also returns at "
        "`GET /openapi.json`. Guide with examples: [the HTTP API](../api.md). Errors: [errors](../errors.md).\n",
    ]
    texts = {tag["name"]: tag["description"] for tag in document["tags"]}
    for tag, text in texts.items():
        parts.append(f"## {tag}\n\n{text}.\n")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag in operation.get("tags", ()):
                    parts.append(_operation(method, path, operation))
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [f"### {method.upper()} {path}\n", operation.get("description") or f"{operation['summary']}.", ""]
    parameters = [
        [f"`{each['name']}`", each["in"], _schema(each.get("schema", {})), each.get("description", "")]
        for each in operation.get("parameters", ())
    ]
    if parameters:
        parts.append(table(["Parameter", "In", "Type", "Meaning"], parameters))
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        bodies = (f"{_schema(each.get('schema', {}))} (`{kind}`)" for kind, each in content.items())
        parts.append(f"Body: {', '.join(bodies)}\n")
    responses = [
        [status, each.get("description", ""), " ".join(sorted(_codes(each)))]
        for status, each in operation["responses"].items()
    ]
    parts.append(table(["Status", "Meaning", "Codes"], responses))
    return "\n".join(parts)


def _codes(response: Mapping[str, Any]) -> set[str]:
    """The error codes in the examples of a response, as links to the page of errors."""
    examples = [
        example.get("value")
        for content in response.get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]
    codes = {str(value["code"]) for value in examples if isinstance(value, dict) and "code" in value}
    ours = {error.code for error in error_classes()}
    return {f"[`{code}`](../errors.md#{code})" for code in codes & ours}


def _schema(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " or ".join(_schema(each) for each in schema[key])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    return str(schema.get("type", "any"))


def openapi_file(document: Mapping[str, Any]) -> str:
    """The document as stored next to the page."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def error_classes() -> list[type[Any]]:
    """Every class of our errors that callers can meet, base classes first."""
    from glossator.service import client
    from glossator.service.api import problems
    from glossator.service.errors import GlossatorError

    del client, problems  # imported, so that their errors are subclasses now

    def below(kind: type[GlossatorError]) -> Iterator[type[GlossatorError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    found: dict[str, type[GlossatorError]] = {}
    for error in below(GlossatorError):
        found.setdefault(error.code, error)
    return list(found.values())


def error_facts(error: type[Any]) -> str:
    """One line about an error: its class, base, HTTP status, and the exit code of commands."""
    from glossator.cli.support.console import exit_code
    from glossator.service.api.problems import RequestError, status_of

    made = cast(Any, error).__new__(error)
    status = status_of(made)
    parts = [f"Class `{error.__name__}` ({error.__mro__[1].__name__})", f"HTTP {status.value} {status.phrase}"]
    if not issubclass(error, RequestError):
        parts.append(f"exit code {exit_code(made)}")
    return "*" + " · ".join(parts) + "*"


def with_error_facts(page: str) -> str:
    """The written page of errors, with the facts of each class below its heading."""
    facts = {f"### {error.code}": error_facts(error) for error in error_classes()}
    return "\n".join(f"{line}\n\n{facts[line]}" if line in facts else line for line in page.split("\n"))
