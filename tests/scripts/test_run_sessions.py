"""`scripts/run_sessions.py` on small documents, good and bad."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_sessions.py"
GOOD = """\
# Title

```python
>>> one = 1
>>> one + 1
2
```

```python
import nothing_of_this_name  # not a session: not run
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
    spec.loader.exec_module(module)
    return module


def test_sessions_of_a_document_share_their_variables(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(GOOD)
    assert run_sessions.main([str(document)]) == 0
    assert capsys.readouterr().err == f"{document}: 3 examples, 0 failed\n"


def test_another_output_is_a_failure_and_is_shown_with_its_line(
    run_sessions: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.md"
    document.write_text(GOOD.replace("\n2\n", "\n3\n"))
    assert run_sessions.main([str(document)]) == 1
    printed = capsys.readouterr()
    assert f'File "{document}", line 5, in a.md' in printed.out
    assert printed.err == f"{document}: 3 examples, 1 failed\n"


def test_a_document_without_a_session_is_a_failure(run_sessions: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# Title\n\n```python\nx = 1\n```\n")
    assert run_sessions.main([str(document)]) == 1
