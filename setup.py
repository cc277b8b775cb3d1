"""The installed package is `glossator`; its sub-packages are the folders at the root. All else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("cli", "evaluation", "examples", "export", "modeling", "service", "training", "workflows")
PACKAGES = sorted(".".join(init.parent.parts) for folder in FOLDERS for init in Path(folder).rglob("__init__.py"))


class CleanBuild(build_py):
    """A build that starts from an empty folder: what an earlier one left there would get into the wheel."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(
    packages=["glossator", *(f"glossator.{package}" for package in PACKAGES)],
    package_dir={"glossator": "glossator"} | {f"glossator.{folder}": folder for folder in FOLDERS},
    cmdclass={"build_py": CleanBuild},
)
