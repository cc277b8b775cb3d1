"""An environment for each rival: its own packages before those of the project, so that torch is not installed again.

A rival whose requirements begin with `# alone` cannot live with the project's versions, and gets all packages anew.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent


def python_of(name: str, work: Path) -> Path:
    """The interpreter of a rival's environment under `work`, made and filled from `requirements-NAME.txt` if it is not
    there; the project's own where there is no such file."""
    requirements = HERE / f"requirements-{name}.txt"
    if not requirements.is_file():
        return Path(sys.executable)
    folder = work / "rivals" / name
    python, stamp = folder / "bin" / "python", folder / ".installed"
    if not stamp.is_file() or stamp.read_text() != requirements.read_text():
        print(f"· installing {name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        if requirements.read_text().startswith("# alone"):
            torch = re.findall(r"^torch==.*$", requirements.read_text(), re.MULTILINE)
            subprocess.run([*install, "--no-deps", *torch], check=True)  # first, or pip may choose a CUDA build
        else:
            (site,) = (folder / "lib").glob("python*/site-packages")
            (site / "zz_project.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        subprocess.run([*install, "--requirement", str(requirements)], check=True)
        stamp.write_text(requirements.read_text())
    return python
