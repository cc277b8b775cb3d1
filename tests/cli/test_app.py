"""The program as a whole: help, exit codes, and where the values of options come from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from glossator.cli.app import app
from glossator.cli.support.command import Command
from glossator.service.api.settings import Settings

Run = Callable[..., Any]
PANELS = {
    "Start": ["demo", "help", "version"],
    "Corpus": ["wrangle", "restore", "context", "suggest"],
    "Train and evaluate": ["train", "select", "curve", "evaluate", "compare", "retrain", "runs"],
    "Export and verify": ["export", "import", "verify", "migrate", "push", "pull", "bench"],
    "Use a model": ["predict", "label", "label-parts", "serve"],
    "Operate": [
        "work",
        "doctor",
        "monitor",
        "drift",
        "promote",
        "loop",
        "evidence",
        "review",
        "models",
        "feedback",
        "keys",
        "log",
    ],
}
COMMANDS = [command for commands in PANELS.values() for command in commands]
ROOT = Path(__file__).resolve().parents[2]


def test_every_command_is_listed_in_its_group_with_its_complete_first_sentence(run: Run) -> None:
    result = run("--help")
    assert result.code == 0
    sections = dict(re.findall(r"^(\w[\w ]*):\n((?:  .*\n)+)", result.out, re.M))
    assert {name: re.findall(r"^  ([\w-]+) ", sections[name], re.M) for name in PANELS} == PANELS
    assert "..." not in result.out.partition("\nStart:\n")[2]
    assert result.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_that_fit_and_no_markup(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert result.err == ""
    assert not re.search(r"\[/?(bold|red|green|dim)\]", result.out)
    assert "\b" not in result.out
    example = re.search(r"^ +(?:[^\n]+ \| )?glossator ([\w-]+)", result.out.partition("Example")[2], re.M)
    assert example is not None
    assert example.group(1) == command
    assert max(map(len, result.out.splitlines())) <= 100


def test_help_explains_every_option(run: Run) -> None:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


def test_no_command_is_a_usage_error_that_shows_the_help_on_stderr(run: Run) -> None:
    result = run()
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: glossator ")


def test_version(run: Run) -> None:
    result = run("--version")
    assert (result.code, result.out, result.err) == (0, f"glossator {version('glossator')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train', 'retrain'?"),
        (["train", "--epoch", "3"], "No such option: --epoch"),
        (["train"], "Missing argument 'source'"),
        (["train", "x.csv"], "Missing option '--output' / '-o'"),
        (["train", "x.csv", "-o", "y", "--epochs", "0"], "found: '0'"),
        (["label", "x.csv", "-m", "y", "--threshold", "1.5"], "found: '1.5'"),
        (["train", "x.csv", "-o", "y", "--precision", "fp64"], "found: 'fp64'"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_refers_to_the_help(run: Run, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert re.search(r"See `glossator( train| label)? --help`", result.err)


def test_with_json_a_usage_error_is_json_on_stderr(run: Run) -> None:
    result = run("verify", "x", "--json", "--colour")
    assert (result.code, result.out) == (2, "")
    assert json.loads(result.err)["error"]["code"] == "config-error"


# Where the values of options come from: the report of `wrangle` shows which label column it reads.

LABELS = "text,a,b,c,d\n" + "".join(f"some text no {i},a{i % 2},b{i % 2},c{i % 2},d{i % 2}\n" for i in range(20))


@pytest.fixture
def labels_csv(folder: Path) -> Path:
    path = folder / "labels.csv"
    path.write_text(LABELS)
    return path


def _label_column(run: Run, *arguments: object) -> str:
    result = run("wrangle", "labels.csv", "--json", *arguments)
    assert result.code == 0, result.err
    return str(result.json["columns"]["label"]["name"])


def test_an_option_comes_from_the_command_line_else_the_environment_else_the_file(
    run: Run, labels_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("glossator.toml").write_text('[wrangle]\nlabel-column = "c"\n')
    monkeypatch.setenv("GLOSSATOR_WRANGLE_LABEL_COLUMN", "b")
    assert _label_column(run, "--label-column", "a") == "a"
    assert _label_column(run) == "b"
    monkeypatch.delenv("GLOSSATOR_WRANGLE_LABEL_COLUMN")
    assert _label_column(run) == "c"


def test_the_options_file_may_be_named_by_option_or_environment(
    run: Run, labels_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.toml").write_text('[wrangle]\nlabel_column = "d"\n')
    result = run("--config", "mine.toml", "wrangle", "labels.csv", "--json")
    assert result.json["columns"]["label"]["name"] == "d"
    monkeypatch.setenv("GLOSSATOR_CONFIG", "mine.toml")
    assert _label_column(run) == "d"


def test_arguments_and_flags_may_be_in_the_options_file(run: Run, labels_csv: Path) -> None:
    Path("glossator.toml").write_text('[wrangle]\nsource = "labels.csv"\nlabel-column = "a"\njson = true\n')
    assert run("wrangle").json["columns"]["label"]["name"] == "a"


def test_a_flag_may_come_from_the_environment(run: Run, labels_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOSSATOR_WRANGLE_JSON", "1")
    assert run("wrangle", "labels.csv", "--label-column", "a").json["rows"]["in"] == 20
    result = run("wrangle", "nope.csv")  # its errors are JSON then, too
    assert json.loads(result.err)["error"]["code"] == "file-missing"


def test_every_unknown_entry_is_reported_at_once(run: Run, labels_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("glossator.toml").write_text(
        'colour = 1\n[wrangle]\nlabl-column = "a"\n[train]\nepohs = 3\n[tain]\nepochs = 3\n'
    )
    monkeypatch.setenv("GLOSSATOR_WRANGLE_ENCODNG", "utf-8")
    monkeypatch.setenv("GLOSSATOR_MAX_TEXTS", "5")  # an option of the API, which this check ignores
    result = run("wrangle", "labels.csv")
    assert result.code == 2
    for entry in ("colour", "labl-column", "epohs", "tain", "GLOSSATOR_WRANGLE_ENCODNG"):
        assert entry in result.err
    assert "GLOSSATOR_MAX_TEXTS" not in result.err


def test_the_error_for_an_invalid_value_names_its_source(
    run: Run, labels_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("glossator.toml").write_text('[train]\nseed = "blue"\n')
    result = run("train", "labels.csv", "-o", "x")
    assert result.code == 2
    assert "'--seed'" in result.err
    assert "found: 'blue', from the options file" in result.err
    monkeypatch.setenv("GLOSSATOR_TRAIN_EPOCHS", "many")
    result = run("train", "labels.csv", "-o", "x", "--seed", "1")
    assert "found: 'many', from the environment variable GLOSSATOR_TRAIN_EPOCHS" in result.err


def test_no_setting_of_the_server_looks_like_an_option_of_a_command() -> None:
    """That command would refuse it as an unknown option."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    names = [f"GLOSSATOR_{field}".upper() for field in Settings.model_fields]
    found = {
        fault.where
        for command in commands.values()
        if isinstance(command, Command) and command.name != "serve"
        for fault in command.unknown_variables(names)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("content", "message"), [(b"[train", "not TOML"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")]
)
def test_an_unreadable_options_file_is_named(run: Run, folder: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (folder / "options.toml").write_bytes(content)
    result = run("--config", "options.toml", "verify", "x")
    assert result.code == 2
    assert message in result.err
    assert "options.toml" in result.err


def test_help_is_shown_even_if_the_options_file_is_invalid(run: Run, folder: Path) -> None:
    (folder / "glossator.toml").write_text("[train")
    assert run("train", "--help").code == 0


# Separate processes.


def _process(*arguments: str, stdout: Any = subprocess.PIPE, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glossator", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, **more)


def test_importing_the_program_is_light() -> None:
    seen = "import sys, glossator.cli.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    finished = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(finished.stdout.split())
    heavy = {"pydantic", "rich", "numpy", "onnxruntime", "tokenizers", "fastapi", "uvicorn", "torch", "jinja2"}
    assert "typer" in loaded
    assert heavy.isdisjoint(loaded)


def test_a_full_disk_is_an_error_that_names_stdout(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        finished = _process("--version", stdout=full)
    assert finished.returncode == 1
    assert finished.stderr.splitlines() == [
        "error[output-error]: the operating system reports an error: No space left on device",
        "  found: standard output",
    ]


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    (folder / "labels.csv").write_text(LABELS)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        finished = _process("wrangle", "labels.csv", "--label-column", "a", "--quiet", stdout=pipe, cwd=folder)
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("glossator tr", ["train"]),
        ("glossator train --val", ["--validation", "--validation-share"]),
        ("glossator train --precision b", ["bf16"]),
        ("glossator models r", ["rollback", "remove"]),
    ],
)
def test_bash_completion(words: str, completions: list[str]) -> None:
    variables = {"_GLOSSATOR_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    command = [sys.executable, "-m", "glossator"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert finished.stdout.split() == completions


def test_the_completion_script_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise the shell is detected from the parent processes, and a background job has no shell there.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    finished = _process("--show-completion", "bash")
    assert (finished.returncode, "_GLOSSATOR_COMPLETE=complete_bash" in finished.stdout) == (0, True)
