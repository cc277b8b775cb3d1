"""`import glossator` without the packages of the extras."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys

for name in ("sklearn", "scipy", "matplotlib", "pyarrow", "torch", "transformers", "datasets", "httpx", "pandas"):
    sys.modules[name] = None  # importing it fails, as if it were not installed

from glossator import *
import glossator

assert set(glossator.__all__) <= set(globals())
assert not {"SklearnClassifier", "Client", "AsyncClient"} & set(glossator.__all__)
for name in ("SklearnClassifier", "Client"):
    try:
        getattr(glossator, name)
    except GlossatorError as error:
        print(error.hint)
"""


def test_everything_but_classes_that_need_an_extra_is_imported_by_a_star() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["pip install 'glossator[evaluation]'", "pip install 'glossator[client]'"]
