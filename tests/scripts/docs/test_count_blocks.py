"""`scripts/docs/count_blocks.py` on small documents."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "docs" / "count_blocks.py"
PAGE = """\
<!-- run first:
echo prepared
-->

```bash
true
```

<!-- not run: needs a cluster -->

```bash
kubectl get pods
```

```yaml
a: 1
```

```python
x = 1
```

```
$ glossator --help
```
"""


def counted(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), str(root)], capture_output=True, text=True, check=False)


def test_each_block_is_in_one_class_and_unknown_reasons_are_faults(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# Title\n")
    executed = tmp_path / "docs" / "clean-a-corpus.md"
    executed.write_text(PAGE)
    (tmp_path / "docs" / "other.md").write_text("```\na -> b\n```\n")
    good = counted(tmp_path)
    assert (good.returncode, good.stdout) == (
        0,
        "6 code blocks: 3 executed, 1 not run: needs a cluster, 2 shown\n",
    )
    executed.write_text(PAGE.replace("needs a cluster", "no time"))
    bad = counted(tmp_path)
    assert bad.returncode == 1
    assert "docs/clean-a-corpus.md:12: 'no time' is no reason of pages.py" in bad.stdout


def test_commands_of_a_document_that_is_not_listed_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# Title\n")
    (tmp_path / "docs" / "new.md").write_text("text\n\n```sh\ntrue\n```\n")
    bad = counted(tmp_path)
    assert bad.returncode == 1
    assert "docs/new.md:4: is not executed" in bad.stdout
