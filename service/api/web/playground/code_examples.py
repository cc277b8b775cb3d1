"""Code that puts texts to a model: in curl, Python and TypeScript, for our own API and for each dialect."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from glossator.service.api.web.api_page.dialect_calls import DialectCall, PythonClient
from glossator.service.api.web.api_page.literals import json_literal, python_literal

Language = Literal["curl", "Python", "Python (httpx)", "TypeScript"]
KEY_VARIABLE = "GLOSSATOR_API_KEY"
"""The environment variable that code examples read the key from. Examples never contain a key."""
_LONGEST_ARGUMENT = 100_000
"""Bytes of a body that curl gets as an argument. Linux refuses an argument of more than 131,071 bytes."""


@dataclass(frozen=True, slots=True)
class CodeExample:
    """Code that sends one request, in the form of a dialect."""

    dialect: str
    language: Language
    code: str


def write_code(calls: Iterable[DialectCall], base_url: str, needs_key: bool) -> list[CodeExample]:
    """The code of requests, in each language.

    Args:
        calls: The requests, as `dialect_calls` lists them.
        base_url: The address of the server, without a slash at the end.
        needs_key: Whether the server needs a key, which the code then reads from `GLOSSATOR_API_KEY`.
    """
    examples = []
    for call in calls:
        written: list[tuple[Language, str]] = [("curl", curl(call, base_url, needs_key))]
        if call.python is not None:
            written.append(("Python", _python_client(call.python, base_url + call.base, needs_key)))
        written.append(("Python (httpx)", _httpx(call, base_url, needs_key)))
        written.append(("TypeScript", _typescript(call, base_url, needs_key)))
        examples += [CodeExample(call.dialect, language, code) for language, code in written]
    return examples


def curl(call: DialectCall, base_url: str, needs_key: bool) -> str:
    """A shell command. A long body is its standard input."""
    body = json_literal(call.body)
    is_long = len(body.encode("utf-8", "surrogatepass")) > _LONGEST_ARGUMENT
    lines = [f"curl -sS {shlex.quote(base_url + call.path)}"]
    if needs_key:
        lines.append(f'-H "Authorization: Bearer ${KEY_VARIABLE}"')
    lines.append("-H 'Content-Type: application/json'")
    lines.append("--data-binary @- <<'JSON'" if is_long else f"--data-raw {shlex.quote(body)}")
    return " \\\n  ".join(lines) + (f"\n{body}\nJSON\n" if is_long else "\n")


def _python_client(python: PythonClient, url: str, needs_key: bool) -> str:
    """Python with the client of a package."""
    arguments = [f"{python.url_name}={python_literal(url)}"]
    if needs_key:
        arguments.append(f'{python.key_name}=os.environ["{KEY_VARIABLE}"]')
    elif python.needs_some_key:
        arguments.append(f'{python.key_name}="none"')
    lines = ["import os", ""] if needs_key else []
    lines += [f"from {python.package} import {python.client}", ""]
    lines.append(f"client = {python.client}({', '.join(arguments)})")
    for call in python.calls:
        lines += [f"response = client.{python.method}({_keywords(call)})", f"print({python.result})"]
    return "\n".join(lines) + "\n"


def _keywords(arguments: Mapping[str, Any]) -> str:
    flat = ", ".join(f"{name}={python_literal(value, step=None)}" for name, value in arguments.items())
    if len(flat) <= 60:
        return flat
    lines = (f"    {name}={python_literal(value, indent=4)},\n" for name, value in arguments.items())
    return "\n" + "".join(lines)


def _httpx(call: DialectCall, base_url: str, needs_key: bool) -> str:
    """Python with httpx; requests takes the same arguments."""
    lines = ["import os", ""] if needs_key else []
    lines += ["import httpx", "", "response = httpx.post(", f"    {python_literal(base_url + call.path)},"]
    if needs_key:
        lines.append(f'    headers={{"Authorization": f"Bearer {{os.environ[\'{KEY_VARIABLE}\']}}"}},')
    lines += [f"    json={python_literal(call.body, indent=4)},", "    timeout=30,", ")"]
    lines += ["response.raise_for_status()", "print(response.json())"]
    return "\n".join(lines) + "\n"


def _typescript(call: DialectCall, base_url: str, needs_key: bool) -> str:
    """TypeScript with fetch, which is also JavaScript."""
    headers = ['"Content-Type": "application/json"']
    if needs_key:
        headers.append(f"Authorization: `Bearer ${{process.env.{KEY_VARIABLE}}}`")
    return (
        f"const response = await fetch({json_literal(base_url + call.path)}, {{\n"
        f'  method: "POST",\n'
        f"  headers: {{ {', '.join(headers)} }},\n"
        f"  body: JSON.stringify({json_literal(call.body, step=2, indent=2)}),\n"
        "});\n"
        "if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);\n"
        "console.log(await response.json());\n"
    )
