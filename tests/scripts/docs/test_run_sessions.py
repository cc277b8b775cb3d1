"""`scripts/docs/run_sessions.py` on small documents, good and bad."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "docs" / "run_sessions.py"
GOOD = """\
# Title

```python
>>> one = 1
>>> one + 1
2
```

```python
two = one + one
print(two, 0.51)
```

```text
2 0.5
```

```python
>>> [one, one]
[1, 1]
```
"""


@pytest.fixture(scope="module")
def run_sessions() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("run_sessions", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def test_sessions_of_a_document_share_their_variables(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(GOOD)
    assert run_sessions.main([str(document)]) == 0
    assert capsys.readouterr().err.startswith(f"{document}: 4 examples, 0 failed\n")


def test_another_output_is_a_failure_and_is_shown_with_its_line(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(GOOD.replace("\n2\n", "\n3\n"))
    assert run_sessions.main([str(document)]) == 1
    printed = capsys.readouterr()
    assert f'File "{document}", line 5, in a.md' in printed.out
    assert printed.err.startswith(f"{document}: 4 examples, 1 failed\n")


def test_several_documents_run_in_processes_of_their_own_and_one_failure_counts(
    run_sessions: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("\n2\n", "\n3\n"))
    assert run_sessions.main(["--fresh", str(good), str(good)]) == 0
    assert run_sessions.main(["--fresh", str(bad), str(good)]) == 1
    printed = capfd.readouterr()
    assert f'File "{bad}", line 5, in bad.md' in printed.out
    assert f"{good}: 4 examples, 0 failed\n" in printed.err


def test_a_document_without_a_session_is_a_failure(run_sessions: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# Title\n\n```text\nx = 1\n```\n")
    assert run_sessions.main([str(document)]) == 1


BASH = """\
# Title

```bash
# comments and empty lines are no commands

printf '%s' \\
    made > file.txt
test -s file.txt
(exit 3)  # done, with rejected rows
```

<!-- not run: needs a cluster -->

```bash
exit 9
```
"""


def test_commands_without_output_must_succeed_unless_a_reason_is_given(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(BASH)
    assert run_sessions.main(["--fresh", str(document)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().err.startswith(f"{document}: 3 examples, 0 failed\n")


def test_a_command_that_fails_is_shown_with_its_line_and_status(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(BASH.replace("test -s file.txt", "echo seen; (exit 4)"))
    assert run_sessions.main(["--fresh", str(document)]) == 1
    assert f'File "{document}", line 8\n$ echo seen; (exit 4)\nExit status 4:\nseen\n' in capsys.readouterr().out


def test_a_reason_that_is_not_listed_is_refused(run_sessions: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(BASH.replace("needs a cluster", "no time"))
    with pytest.raises(SystemExit, match="'no time' is none of asks questions"):
        run_sessions.main(["--fresh", str(document)])


CONSOLE = """\
# Title

```console
$ printf 'one 0.91\\nin 12 s\\n'
one 0.93
in 3 s
$ echo kept \\
    together
kept together
$ cd /tmp
$ seq 9
1
...
9
```
"""


def test_commands_share_a_shell_and_times_may_differ(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(CONSOLE)
    assert run_sessions.main([str(document)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().err.startswith(f"{document}: 4 examples, 0 failed\n")


def test_update_writes_only_the_output_that_differs(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(CONSOLE.replace("kept together\n$", "gone\n$"))
    assert run_sessions.main([str(document)]) == 1
    assert "Expected:\ngone\nGot:\nkept together\n" in capsys.readouterr().out
    assert run_sessions.main(["--update", str(document)]) == 0
    assert document.read_text() == CONSOLE


def test_a_fresh_folder_holds_the_example_corpora_only(run_sessions: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "```console\n$ ls\nexamples\n$ ls examples | head -2\nconvert_setfit_head.py\nnew_tickets.csv\n```\n"
    )
    assert run_sessions.main(["--fresh", str(document)]) == 0


PLAIN = """\
<!-- run first:
printf '{"texts": 8000}' > made.json
-->

```sh
for name in one two; do
    echo $name >> names.txt
done
cat >> names.txt <<END
it's
END
```

```python
from pathlib import Path

count = len(Path("names.txt").read_text().splitlines())
```

```python
print(count, Path("made.json").read_text())
```

```text
3 {"texts": 8000}
```
"""


def test_plain_python_shares_a_namespace_with_what_the_shell_made(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(PLAIN)
    assert run_sessions.main(["--fresh", str(document)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().err.startswith(f"{document}: 5 examples, 0 failed\n")
    document.write_text(PLAIN.replace("3 {", "4 {").replace("count = len", "count = unknown"))
    assert run_sessions.main(["--fresh", str(document)]) == 1
    printed = capsys.readouterr().out
    assert f'File "{document}", line 15\n' in printed
    assert "NameError: name 'unknown' is not defined" in printed
    document.write_text(PLAIN.replace("3 {", "4 {"))
    assert run_sessions.main(["--fresh", "--update", str(document)]) == 0
    assert document.read_text() == PLAIN


SERVER = """\
```bash
glossator serve models/tickets   # a server
test "$(curl -sf http://127.0.0.1:8000/)" = hello
GREETING=again glossator serve models/tickets --port 8000
```

```python
from urllib.request import urlopen

print(urlopen("http://127.0.0.1:8000/").read().decode())
```

```text
again
```

```bash
glossator serve nothing
```
"""
PROGRAM = """\
#!{python}
import http.server, os, sys

if sys.argv[2] == "nothing":
    sys.exit("there is no bundle here")

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "hello").encode())

server = http.server.HTTPServer(("127.0.0.1", int(os.environ["GLOSSATOR_PORT"])), Answer)
print("listening on it", flush=True)
server.serve_forever()
"""


def test_servers_run_in_the_background_until_the_page_ends(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "bin" / "glossator"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    document = tmp_path / "a.md"
    document.write_text("```bash\nexport PATH=" + str(program.parent) + ":$PATH\n```\n" + SERVER)
    assert run_sessions.main(["--fresh", str(document)]) == 1
    printed = capsys.readouterr()
    assert "$ glossator serve nothing\nExit status 1:\nthere is no bundle here\n" in printed.out
    assert printed.err.startswith(f"{document}: 6 examples, 1 failed\n")


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ('{"a": [\n 1]}\n', '{"a":[1]}\n', True),
        ('{"a": [\n 1]}\n', '{"a":[2]}\n', False),
        ("added 2026-11-30T09:05:39 first\n", "added 2027-01-02T10:00:00 first\n", True),
        ("added 2026-11-30T09:05:39 first\n", "added 2027-01-02T10:00:00 second\n", False),
        ("gl_…\n", f"gl_{'x' * 40}\n", True),
        ("gl_…\n", "no key\n", False),
        (f"job_{'0a' * 12} queued\n", f"job_{'1b' * 12} queued\n", True),
    ],
)
def test_layout_of_json_moments_keys_and_ids_may_differ(
    run_sessions: ModuleType, want: str, got: str, same: bool
) -> None:
    assert run_sessions.same(want, got) == same
