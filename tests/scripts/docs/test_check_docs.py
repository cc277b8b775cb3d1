"""The check of the documents reports what does not match the project, with the line."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "docs" / "check_docs.py"


@pytest.fixture(scope="module")
def check_docs() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("check_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_docs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a module, a document, a Makefile and an ignored folder."""
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "errors.py").touch()
    (tmp_path / "models").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bundle.md").write_text("# The bundle format\n\n## Of `files`, and more\n")
    (tmp_path / "Makefile").write_text("check: install\n\t@true\n")
    (tmp_path / ".gitignore").write_text("/models/\n")
    return tmp_path


def _faults(check_docs: ModuleType, project: Path, text: str) -> list[tuple[int, str]]:
    document = project / "README.md"
    document.write_text(text, encoding="utf-8")
    return [(fault.line, fault.what) for fault in check_docs.check(document, check_docs.Project(project))]


GOOD = """\
# Title

[the format](docs/bundle.md), [a part](docs/bundle.md#of-files-and-more), [here](#title), [there](https://example.org/x)

`service/errors.py`, `service/`, `service/*.py`, `errors.py`, `models/anything`, `onnx/model.onnx`, `/livez`, `a/b`
`glossator train`, `glossator COMMAND --help`, `train --batch-size`, `--label-column`, `mypy --strict`, `make check`
`GLOSSATOR_TRAIN_BATCH_SIZE`, `GLOSSATOR_API_KEYS`, `[not a link](nowhere.md)`

```
make check    # make it so
glossator wrangle in.csv --label-column topic --json > report.json
zcat in.csv.gz | GLOSSATOR_LABEL_QUIET=1 glossator label - -m models/x | jq .label
glossator train in.csv --label-column tags --label-separator "|" \\
    --epochs 3 -o out
glossator --version
glossator --config mine.toml verify models/x
glossator train ...
docker run glossator whatever
```

```console
$ glossator verify models/x
glossator prints this line, which is no command
```

```python
import glossator

model = glossator.load("models/tickets")
```

```python
>>> 1 + 1
2
```

```toml
[train]
batch-size = 16
```

```json
{"text": "hello"}
```
"""


def test_a_good_document_has_no_faults(check_docs: ModuleType, project: Path) -> None:
    assert _faults(check_docs, project, GOOD) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("see [the format](docs/bundel.md)", "the link leads nowhere: docs/bundel.md"),
        ("see [a part](docs/bundle.md#of-file)", "no heading gives the anchor #of-file"),
        ("see [above](#titel)", "no heading gives the anchor #titel"),
        ("[format]: docs/none.md", "the link leads nowhere: docs/none.md"),
        ("see `service/error.py`", "there is no service/error.py"),
        ("see `service/*.txt`", "there is no service/*.txt"),
        ("see `mistakes.py`", "no file is named mistakes.py"),
        ("say `glossator tarin`", "glossator has no command 'tarin'"),
        ("say `glossator train --epoch 3`", "train has no option --epoch"),
        ("say `export --epochs`", "export has no option --epochs"),
        ("say `--colour`", "no command has the option --colour"),
        ("say `--onnx-int9`", "no command has the option --onnx-int9"),
        ("say `make chekc`", "make has no target 'chekc'"),
        ("set `GLOSSATOR_TRAIN_EPOCH=3`", "no option is set by GLOSSATOR_TRAIN_EPOCH"),
        ("FIGURES_HERE", "FIGURES_HERE was left to be filled in"),
        ("```text\nTABLE\n```", "TABLE was left to be filled in"),
        ("```\nglossator verify\n```", "Missing argument 'bundle'"),
        ("```\nglossator train x.csv -o y --epochs none\n```", "Input should be a valid integer"),
        ("```\ncat x | glossator label - --modle m\n```", "No such option: --modle"),
        ("```\nglossator labell x\n```", "glossator has no command 'labell'"),
        ("```\nglossator verify 'x\n```", "the shell cannot read this"),
        ("```\nmake chekc\n```", "make has no target 'chekc'"),
        ("```sh\nexport GLOSSATOR_LABEL_MODLE=x\n```", "no option is set by GLOSSATOR_LABEL_MODLE"),
        ("```python\nx = (1\n```", "the snippet does not compile"),
        ("```python\n>>> x = = 1\n```", "the snippet does not compile"),
        ("```json\n{'a': 1}\n```", "this is not JSON"),
        ("```toml\n[train\n```", "this is not TOML"),
        ("```toml\n[train]\nepoch = 3\n```", "unknown-option: epoch: train has no such option"),
        ("```\nnever closed", "this block is not closed"),
    ],
)
def test_a_fault_is_found_in_its_line(check_docs: ModuleType, project: Path, line: str, said: str) -> None:
    faults = _faults(check_docs, project, f"# Title\n\nfine\n\n{line}\n")
    assert len(faults) == 1
    number, what = faults[0]
    assert said in what
    assert number == (6 if line.startswith("```") and "never closed" not in line else 5)


def test_every_fault_is_found(check_docs: ModuleType, project: Path) -> None:
    faults = _faults(check_docs, project, "`--colour` and `--flavour`\n\n[a](b.md) [c](d.md)\n")
    assert [line for line, _ in faults] == [1, 1, 3, 3]


def test_main_names_file_and_line_and_exits_with_1(
    check_docs: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "docs" / "bundle.md").write_text("# Format\n\n[a](b.md)\n")
    (project / "README.md").write_text("# Fine\n")
    assert check_docs.main([str(project)]) == 1
    assert capsys.readouterr().out == "docs/bundle.md:3: the link leads nowhere: b.md\n"
    (project / "docs" / "bundle.md").write_text("# Format\n")
    assert check_docs.main([str(project)]) == 0
