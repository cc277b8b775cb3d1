"""The first load of a bundle that this machine does not know: in a process of its own, with little memory and time.

A graph is foreign input. What it does to ONNX Runtime, a crash, endless memory, an endless loop, it then does to that
process. A bundle that passed is noted by its digest in the cache folder, and is loaded straight from then on.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from glossator.service.bundle.reader import Bundle
from glossator.service.errors import BundleInvalid, Fault, GlossatorError, shorten
from glossator.service.inference.model import load, read_bundle
from glossator.service.inference.runtime.batch_cost import cache_folder

MEMORY_FACTOR = 8
"""What loading may take, as a multiple of the size of the graphs, beside BASE_MB: optimising a graph copies weights."""
BASE_MB = 2_048
CPU_SECONDS = 300


def try_first(folder: Path) -> None:
    """Loads a bundle in another process unless it passed before; raises BundleInvalid where that does not end well."""
    bundle = read_bundle(folder)
    note = cache_folder() / "tried" / bundle.digest
    if note.exists():
        return
    limits = ["--memory-mb", str(memory_mb(bundle)), "--cpu-seconds", str(CPU_SECONDS)]
    ran = subprocess.run(
        [sys.executable, "-m", "glossator.service.inference.runtime.sandboxed_load", *limits, str(folder.absolute())],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if ran.returncode:
        raise _refused(bundle, ran.returncode, ran.stdout)
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()


def memory_mb(bundle: Bundle) -> int:
    """The address space that loading a bundle may take."""
    graphs = sum(entry.size for name, entry in bundle.manifest.files.items() if name.endswith(".onnx"))
    return BASE_MB + MEMORY_FACTOR * (graphs >> 20)


def _refused(bundle: Bundle, code: int, told: str) -> BundleInvalid:
    if code == 1:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            fields = json.loads(told)
            return BundleInvalid(
                fields["message"], found=fields.get("found"), hint=fields.get("hint"),
                faults=[Fault(each["name"], each["message"], each["where"]) for each in fields.get("faults", ())],
            )  # fmt: skip
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return BundleInvalid(
        f"loading the bundle {bundle.name!r} ended its process", found=how,
        expected=f"to be loaded within {memory_mb(bundle):,} MB and {CPU_SECONDS} s of CPU time",
        hint="Do not serve it: export it again from a checkpoint that you trust.",
    )  # fmt: skip


def main() -> int:
    """Loads the bundle under limits; the error as JSON on stdout, exit code 1."""
    import argparse
    import resource

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-seconds", type=int, required=True)
    options = parser.parse_args()
    size = options.memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (options.cpu_seconds, options.cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        load(options.folder, threads=1)
    except GlossatorError as error:
        print(json.dumps(error.to_dict()))
        return 1
    except MemoryError:
        print(
            json.dumps({"message": "the bundle does not load in the memory that it may take", "found": shorten(size)})
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
