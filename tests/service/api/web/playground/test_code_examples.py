"""The examples are run as they are: by a shell, by Python with the clients of other services, and by Node."""

from __future__ import annotations

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import Server, server
from task_factory import make_task
from vote_bundle import vector_bundle, vote_bundle

from glossator.service.api.web.api_page.dialect_calls import dialect_calls, rerank_calls, zero_shot_calls
from glossator.service.api.web.playground.code_examples import KEY_VARIABLE, CodeExample, write_code
from glossator.service.bundle.reader import read_bundle
from glossator.service.bundle.task import TextEmbedding
from glossator.service.inference.encoding import reads_pairs
from glossator.service.tasks.encoded import Pair, Text

KEY = "a-key-of-the-tests-that-is-long-enough"
HOSTILE = 'it\'s "money" $(touch /tmp/x) `id` \\ \n </script> \u202e 😀 %s {} EOF\nJSON'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def small(folder: Path) -> Iterator[tuple[Server, list[Path]]]:
    bundles = [
        vote_bundle(folder / "intents", "single_label_classification"),
        vote_bundle(folder / "tags", "multi_label_classification"),
        vector_bundle(folder / "vectors", dimension=8),
    ]
    with server(*bundles, api_keys=KEY) as running:
        yield running, bundles


@pytest.fixture(scope="module")
def trained(task_bundle: Callable[[str], Path]) -> Iterator[tuple[Server, list[Path]]]:
    bundles = [task_bundle(kind) for kind in ("token-classification", "question-answering", "text-pair-score")]
    with server(*bundles, api_keys=KEY) as running:
        yield running, bundles


@pytest.fixture(params=["small", pytest.param("trained", marks=pytest.mark.slow)])
def examples(request: pytest.FixtureRequest) -> list[CodeExample]:
    running, bundles = request.getfixturevalue(request.param)
    found = []
    for bundle in bundles:
        task = read_bundle(bundle).task
        texts: list[Text] = [HOSTILE, "Where is my parcel?"]
        if reads_pairs(task):
            texts = [Pair("Where's it?", HOSTILE)]
        found += write_code(dialect_calls(task, bundle.name, texts), running.url, needs_key=True)
        if isinstance(task, TextEmbedding):
            calls = zero_shot_calls(bundle.name, [HOSTILE], ["delivery", "it's"], {"multi_label": True})
            calls += rerank_calls(bundle.name, HOSTILE, ["Where is it?", HOSTILE])
            found += write_code(calls, running.url, needs_key=True)
    return found


def run(*command: str | Path) -> str:
    environment = os.environ | {KEY_VARIABLE: KEY, "HF_HUB_OFFLINE": "0"}  # the tests set it to 1
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_shell_commands_run(examples: list[CodeExample]) -> None:
    for each in examples:
        if each.language == "curl":
            command = each.code.replace("curl -sS", "curl -sS -w '\n%{http_code}'", 1)
            assert run("sh", "-c", command).endswith("\n200"), each


def test_python_runs(examples: list[CodeExample], tmp_path: Path) -> None:
    codes = [each.code for each in examples if each.language.startswith("Python")]
    script = tmp_path / "examples.py"
    script.write_text(f"for code in {codes!r}:\n    exec(code, {{}})\n    print('-' * 80)\n", encoding="utf-8")
    *printed, end = run(sys.executable, "-W", "ignore", script).split(f"{'-' * 80}\n")
    assert (len(printed), end) == (len(codes), "")
    assert all(printed)


def test_typescript_runs(examples: list[CodeExample], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    codes = [each.code for each in examples if each.language == "TypeScript"]
    for number, code in enumerate(codes):
        (tmp_path / f"{number}.mjs").write_text(code, encoding="utf-8")
    script = tmp_path / "examples.mjs"
    script.write_text(
        "".join(f'await import("./{number}.mjs");\nconsole.log("-".repeat(80));\n' for number in range(len(codes)))
    )
    *printed, end = run(node, script).split(f"{'-' * 80}\n")
    assert (len(printed), end) == (len(codes), "")
    assert all(printed)


def test_no_example_contains_a_key_and_without_keys_none_asks_for_one() -> None:
    with_key = write_code(dialect_calls(make_task(), "a", ["a text"]), "http://h", needs_key=True)
    assert all(KEY_VARIABLE in each.code for each in with_key)
    without = write_code(dialect_calls(make_task(), "a", ["a text"]), "http://h", needs_key=False)
    assert not any(KEY_VARIABLE in each.code for each in without)


def test_options_are_those_of_our_own_request() -> None:
    found = write_code(dialect_calls(make_task(), "a", ["a text"], {"top_k": 3}), "http://h", needs_key=False)
    assert [each.dialect for each in found if "top_k" in each.code] == ["Glossator"] * 4


def test_long_text_is_the_input_of_curl() -> None:
    (first, *_) = write_code(dialect_calls(make_task(), "a", ["x" * 200_000]), "http://h", needs_key=False)
    *_, head, body, end, nothing = first.code.split("\n")
    assert head.endswith("<<'JSON'")
    assert json.loads(body) == {"text": "x" * 200_000}
    assert (end, nothing) == ("JSON", "")


@given(st.text(), st.text(st.characters(codec="utf-8"), min_size=1))
def test_text_is_quoted_for_each_language(text: str, name: str) -> None:
    found = {
        each.language: each.code
        for each in write_code(dialect_calls(make_task(), name, [text]), "http://h", needs_key=True)[:4]
    }
    arguments = shlex.split(found["curl"].replace("\\\n", " "))
    assert json.loads(arguments[-1]) == {"text": text}
    (body,) = [
        ast.literal_eval(keyword.value)
        for node in ast.walk(ast.parse(found["Python (httpx)"]))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "json"
    ]
    assert body == {"text": text}
    assert ast.parse(found["Python"])
    start = found["TypeScript"].index("JSON.stringify(") + len("JSON.stringify(")
    assert json.JSONDecoder().raw_decode(found["TypeScript"], start)[0] == {"text": text}
