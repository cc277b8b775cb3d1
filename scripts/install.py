"""Install Glossator with some of its extras into a virtual environment, with the versions in constraints.txt.

    python scripts/install.py .venv training export starter

torch is installed first, so that pip takes its CPU build if it can find one. Uses only the standard library, because it
runs before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pip_progress import CommandFailed, Progress, Stage, pip_install, run
from torch_build import install_torch, pinned, size_note

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST_PYTHON = (3, 11)
STAGES = 4


def main(arguments: Sequence[str]) -> int:
    """Run the installation and return the exit code."""
    if len(arguments) < 2:
        sys.stderr.write("usage: python scripts/install.py VENV EXTRA...\n")
        return 2
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write(
            f"error: Python {sys.version.split()[0]} is too old; 3.11 or later is needed\n"
            "  hint: make PYTHON=python3.12 ...\n"
        )
        return 2
    try:
        install(Path(arguments[0]), arguments[1:])
    except CommandFailed as error:
        sys.stderr.write(f"{error}\nerror: the installation failed; the lines above are the end of the output\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def install(venv: Path, extras: Sequence[str]) -> None:
    """Create the environment `venv` if necessary and install Glossator there, editable. Raises CommandFailed."""
    started = time.monotonic()
    progress = Progress(STAGES)
    with progress.stage(f"environment {venv}") as stage:
        python, packages = environment(venv)
        stage.detail = f"Python {sys.version.split()[0]}"
    build = install_torch(python, packages, pinned(CONSTRAINTS), progress)
    with progress.stage(f"packages for {', '.join(extras)}") as stage:
        project = f"{ROOT}[{','.join(extras)}]"
        link_packages("--remove")  # pip must not see the links
        wheels = pip_install(python, packages, ["--constraint", str(CONSTRAINTS), "--editable", project], stage)
        stage.detail = f"{len(wheels.installing)} packages, {wheels.fetched()}"
        link_packages()
    with progress.stage("bytecode") as stage:
        compile_bytecode(python, packages, stage)
    if build.gpu_packages:
        progress.note(size_note(packages))
    progress.note(f"installed in {time.monotonic() - started:.0f} s")


def link_packages(*arguments: str) -> None:
    """Create or remove the links in glossator/ that static tools need."""
    subprocess.run(["sh", str(ROOT / "scripts" / "link_packages.sh"), *arguments], check=True)


def environment(venv: Path) -> tuple[Path, Path]:
    """Return the Python of the environment `venv`, created if necessary, and the folder of its packages."""
    python = venv / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(venv)], stdout=subprocess.PIPE, text=True)
        if made.returncode:
            raise CommandFailed(f"{made.stdout}\nhint: on Debian and Ubuntu, apt-get install python3-venv")
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return python, Path(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


def compile_bytecode(python: Path, packages: Path, stage: Stage) -> None:
    """Compile the installed packages on every CPU, without their tests.

    Otherwise modules would be compiled on the first import and show syntax warnings, which our tests treat as errors.
    """
    options = ["-q", "-q", "-j", "0", "-x", r"[/\\]tests?[/\\]"]
    with suppress(CommandFailed):  # some packages contain files that are not valid Python, such as templates
        run([str(python), "-m", "compileall", *options, str(packages)], stage)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
