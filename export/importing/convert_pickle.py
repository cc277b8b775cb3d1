"""Converts pickled weights to safetensors in a process with limits; `torch.load` with `weights_only` runs no code.

python -m glossator.export.importing.convert_pickle OUTPUT INPUT...
"""

from __future__ import annotations

import sys
from pathlib import Path

_REASON = "WeightsUnpickler error:"
"""What `torch.load` writes before the reason, after advice that does not apply here."""
_CPU_SECONDS = 600
_MEMORY = 4 << 30
"""Bytes beyond three times the size of the files."""


def main() -> None:
    """Read the tensors of all inputs and write them to the output. After an error: exit code 1, one line on stderr."""
    output, *inputs = map(Path, sys.argv[1:])
    _limit(sum(file.stat().st_size for file in inputs))
    import torch
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    try:
        for file in inputs:
            found = torch.load(file, map_location="cpu", weights_only=True)
            for name, tensor in found.items():
                if not isinstance(tensor, torch.Tensor):
                    raise TypeError(f"{name} is no tensor")
                tensors[name] = tensor.clone().contiguous()
    except Exception as error:  # torch raises many types for files that are no weights
        reason = str(error).rpartition(_REASON)[2].strip().partition("\n")[0]
        print(f"{type(error).__name__}: {reason}", file=sys.stderr)
        sys.exit(1)
    save_file(tensors, output, metadata={"format": "pt"})


def _limit(size: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (3 * size + _MEMORY, 3 * size + _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
