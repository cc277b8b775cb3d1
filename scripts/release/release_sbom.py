"""Write the SBOM of an environment (CycloneDX, JSON) with the files that others wrote, and check all licences.

    python scripts/release/release_sbom.py PYTHON SBOM

PYTHON is the interpreter of the environment. Which licences are allowed: scripts/release/licences.toml. Prints each
package whose licence is unknown or not allowed, and exits with 1 if there is any.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from license_expression import (  # type: ignore[import-untyped]
    ExpressionError,
    get_spdx_licensing,
)

ROOT = Path(__file__).resolve().parents[2]
VENDORED = ROOT / "service" / "api" / "web" / "static" / "vendor"
POLICY = ROOT / "scripts" / "release" / "licences.toml"
LICENCE_FILES = re.compile(r"-LICENSES?$")
_VERSION = re.compile(r"^(?P<name>.+?)-(?P<version>\d+(?:\.\d+)+)\.")

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Policy:
    """The licences that are allowed, and those of packages that do not state them in a readable form."""

    allowed: frozenset[str]
    spellings: Mapping[str, str]
    packages: Mapping[str, str]
    vendored: Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    python, target = arguments
    policy = read_policy()
    sbom = environment_sbom(Path(python))
    sbom["components"] += vendored_components(VENDORED, policy)
    found = faults(sbom["components"], policy)
    for each in found:
        print(each, file=sys.stderr)
    Path(target).write_text(json.dumps(sbom, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{target}: {len(sbom['components'])} components, {len(found)} faults")
    return 1 if found else 0


def read_policy(path: Path = POLICY) -> Policy:
    """Return the policy in a file."""
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    return Policy(frozenset(fields["allowed"]), fields["spellings"], fields["packages"], fields["vendored"])


def environment_sbom(python: Path) -> dict[str, Any]:
    """Return the SBOM of the packages that an interpreter sees."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application", str(python)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    sbom: dict[str, Any] = json.loads(done.stdout)
    return sbom


def vendored_components(folder: Path, policy: Policy) -> list[Component]:
    """Return a component for each file in a folder of vendored files, with its hash and licence.

    A file without a known licence gets none, so that `faults` names it.
    """
    texts = {LICENCE_FILES.sub("", each.name): each for each in folder.iterdir() if LICENCE_FILES.search(each.name)}
    components = []
    for path in sorted(folder.iterdir()):
        if path in texts.values():
            continue
        matched = _VERSION.match(path.name)
        name = matched["name"] if matched else path.stem
        component: Component = {
            "type": "file",
            "bom-ref": f"vendored/{path.name}",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        if matched:
            component["version"] = matched["version"]
        if name in texts and name in policy.vendored:
            component["licenses"] = [{"license": {"id": policy.vendored[name], "acknowledgement": "declared"}}]
        components.append(component)
    return components


def faults(components: Sequence[Component], policy: Policy) -> list[str]:
    """Return a line for each component whose licence is unknown or not allowed."""
    found = []
    for each in components:
        label = f"{each['name']} {each.get('version', '')}".strip()
        expression = licence_of(each, policy)
        if expression is None:
            found.append(f"{label}: no licence is known. Hint: read it, then add it to {POLICY.name}")
        elif refused := not_allowed(expression, policy):
            found.append(f"{label}: {expression}: not allowed: {', '.join(refused)}")
    return found


def licence_of(component: Component, policy: Policy) -> str | None:
    """Return the licence of a component as an SPDX expression; None if nothing readable is stated."""
    if (known := policy.packages.get(component["name"].lower())) is not None:
        return known
    stated, spelled = [], []
    for each in component.get("licenses", ()):
        identifier = each.get("expression") or each["license"].get("id")
        if identifier is not None:
            stated.append(f"({identifier})" if " " in identifier else identifier)
        elif (name := each["license"].get("name", "").strip()) in policy.spellings:
            spelled.append(policy.spellings[name])
    return " AND ".join(stated or spelled) or None


def not_allowed(expression: str, policy: Policy) -> list[str]:
    """Return the licences of an expression that are in the way: none if one branch of each OR is allowed."""
    licensing = _licensing()
    try:
        parsed = licensing.parse(expression)
    except ExpressionError:
        return [expression]

    def allows(node: Any) -> bool:
        if isinstance(node, licensing.OR):
            return any(map(allows, node.args))
        if isinstance(node, licensing.AND):
            return all(map(allows, node.args))
        return node.render() in policy.allowed

    return (
        [] if allows(parsed) else sorted({key for key in licensing.license_keys(parsed) if key not in policy.allowed})
    )


@cache
def _licensing() -> Any:
    """Return the parser of expressions; it takes seconds to read its list of licences."""
    return get_spdx_licensing()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
