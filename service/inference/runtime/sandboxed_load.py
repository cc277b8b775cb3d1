"""Loads an unknown bundle in a separate process first, with limits on memory and CPU time.

A graph is untrusted input: if it makes ONNX Runtime crash, loop or use unlimited memory, only that process is affected.
Bundles that passed are recorded by digest in the cache folder and skip this step afterwards.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from glossator.service.bundle.backbones import find_backbone
from glossator.service.bundle.reader import Bundle, read_manifest
from glossator.service.errors import BundleError, BundleInvalid, Fault, GlossatorError, shorten
from glossator.service.inference.model import load, read_bundle
from glossator.service.inference.runtime.machine_cache import cache_folder

MEMORY_FACTOR = 8
"""Memory for loading, as a multiple of the size of the graphs, plus BASE_MB; optimising a graph copies its weights."""
BASE_MB = 2_048
CPU_SECONDS = 300


def try_sandboxed(folder: Path) -> str:
    """Do the same as `load_sandboxed`, but read only the manifest of a version that passed before.

    Its files are not checked then: load the bundle with `digest`, which checks all of them.
    """
    with contextlib.suppress(OSError, BundleError):  # `load_sandboxed` finds the fault again, and names it
        manifest = read_manifest(folder)
        if manifest.backbone is not None:
            try_sandboxed(find_backbone(folder, manifest.backbone))
            return manifest.digest
        if _note(manifest.digest).exists():
            return manifest.digest
    return load_sandboxed(folder)


def load_sandboxed(folder: Path) -> str:
    """Check a bundle, and load it in another process, unless it passed before. Returns its digest.

    Of a head, the backbone is loaded. Raises BundleInvalid if a check fails, if that process fails, or if it finds
    another version in the folder.
    """
    bundle = read_bundle(folder)
    if bundle.manifest.backbone is not None:  # a head has no graph of its own
        load_sandboxed(find_backbone(folder, bundle.manifest.backbone))
        return bundle.digest
    note = _note(bundle.digest)
    if note.exists():
        return bundle.digest
    limits = ["--memory-mb", str(memory_limit_mb(bundle)), "--cpu-seconds", str(CPU_SECONDS)]
    module = "glossator.service.inference.runtime.sandboxed_load"
    ran = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            module,  # -P: a file of the current folder must not replace a module
            *limits,
            "--digest",
            bundle.digest,
            str(folder.absolute()),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise _error_of(bundle, ran.returncode, ran.stdout)
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    return bundle.digest


def _note(digest: str) -> Path:
    """The file that exists if a version passed."""
    return cache_folder() / "tried" / digest


def memory_limit_mb(bundle: Bundle) -> int:
    """Return the limit for the address space of the process that loads a bundle, in MB."""
    graphs = sum(entry.size for name, entry in bundle.manifest.files.items() if name.endswith(".onnx"))
    return BASE_MB + MEMORY_FACTOR * (graphs >> 20)


def _error_of(bundle: Bundle, code: int, output: str) -> BundleInvalid:
    if code == 1:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            fields = json.loads(output)
            return BundleInvalid(
                fields["message"],
                found=fields.get("found"),
                hint=fields.get("hint"),
                faults=[Fault(each["name"], each["message"], each["where"]) for each in fields.get("faults", ())],
            )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return BundleInvalid(
        f"the process that loaded the bundle {bundle.name!r} failed",
        found=how,
        expected=f"a bundle that loads within {memory_limit_mb(bundle):,} MB and {CPU_SECONDS} s of CPU time",
        hint="Do not serve it. Export it again from a checkpoint that you trust.",
    )


def main() -> int:
    """Load the bundle under limits. On an error, write it as JSON to stdout and return 1."""
    import argparse
    import resource

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--digest", required=True)
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-seconds", type=int, required=True)
    options = parser.parse_args()
    size = options.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (options.cpu_seconds, options.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        load(options.folder, threads=1, digest=options.digest)
    except GlossatorError as error:
        print(json.dumps(error.to_dict()))
        return 1
    except MemoryError:
        print(json.dumps({"message": "the bundle needs more memory than it may use", "found": shorten(size)}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
