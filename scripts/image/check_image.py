"""Run the image of scripts/image/build_image.sh without a daemon: does it serve, with which rights, how large?

    python scripts/image/check_image.py [BUNDLE] [--starts 5 --result FILE]        (as root; buildah and runc)

The container has a read-only root, no capabilities, and the user of the image. Its command and its health check are
those of the image; it listens on port 8000 of this machine. Prints what it measured, and exits with 1 on a failure.
`--result` also writes it as JSON, with the time of each start.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

URL = "http://127.0.0.1:8000"
MAX_MEGABYTES = 300
START_SECONDS = 120.0
STOP_SECONDS = 60.0
TEXT = "Where is my parcel?"

Config = dict[str, Any]
"""The configuration of an image in Docker's format: `User`, `Env`, `Entrypoint`, `Cmd`, `Healthcheck`, `Volumes`."""


def main() -> int:
    """Check the image and return the exit code."""
    arguments = parse_arguments()
    runtime = find_program("runc")
    if runtime is None or find_program("buildah") is None:
        sys.stderr.write("error: buildah and runc are needed\n  hint: apt-get install buildah runc\n")
        return 2
    if os.geteuid() != 0:
        sys.stderr.write("error: a container is started with mounts, expected root\n  hint: sudo make image-check\n")
        return 2
    config: Config = json.loads(output("buildah", "inspect", "--type", "image", arguments.image))["Docker"]["config"]
    with mounted(arguments.image) as root, tempfile.TemporaryDirectory() as folder:
        unpacked, packed = sizes(arguments.image, root, Path(folder))
        print(f"size: {unpacked:.0f} MB, {packed:.0f} MB compressed")
        assert unpacked < MAX_MEGABYTES, f"the image takes {unpacked:.0f} MB, expected less than {MAX_MEGABYTES}"
        key = secrets.token_hex(16)
        spec = container_spec(config, root, arguments.bundle.resolve(), key)
        bundle = Path(folder, "container")
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(spec))
        starts = [check_container(Runtime(runtime), bundle, config, key) for _ in range(arguments.starts)]
    if arguments.result is not None:
        write_result(arguments.result, unpacked, packed, starts)
    return 0


def parse_arguments() -> argparse.Namespace:
    """The bundle to serve, the image, and what to measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("bundle", nargs="?", type=Path, default=Path("demo/tickets"))
    parser.add_argument("--image", default="localhost/glossator")
    parser.add_argument("--starts", type=int, default=1, help="how often the container is started and checked")
    parser.add_argument("--result", type=Path, metavar="FILE", help="write what was measured as JSON")
    return parser.parse_args()


def find_program(name: str) -> str | None:
    """The path of a program; those of an administrator may be missing in PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def write_result(path: Path, unpacked: float, packed: float, starts: list[float]) -> None:
    """Write sizes in megabytes and the seconds of each start, with the machine."""
    from glossator.service.inference.runtime.machine import describe_machine

    result = {
        "machine": describe_machine()[0],
        "megabytes": {"unpacked": round(unpacked, 1), "compressed": round(packed, 1)},
        "start_seconds": [round(each, 2) for each in starts],
    }
    path.write_text(json.dumps(result, indent=2) + "\n")


def container_spec(config: Config, root: Path, bundle: Path, key: str) -> dict[str, Any]:
    """The OCI runtime specification of a container that serves a bundle as `tickets`, with the least rights."""
    uid = int(config["User"])
    assert uid > 0, "the image runs as root"
    volumes = [tmpfs(path, "nodev", "noexec", f"uid={uid}", "mode=0700") for path in config["Volumes"]]
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "user": {"uid": uid, "gid": uid},
            "args": [*config["Entrypoint"], *config["Cmd"]],
            "env": [*config["Env"], f"GLOSSATOR_API_KEYS={key}"],
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            tmpfs("/dev", "mode=755"),
            tmpfs("/tmp", "nodev", "noexec", "mode=1777"),
            *volumes,
            {"destination": "/models/tickets", "type": "bind", "source": str(bundle), "options": ["rbind", "ro"]},
        ],
        "linux": {"namespaces": [{"type": each} for each in ("pid", "ipc", "uts", "mount")]},  # the network of the host
    }


def tmpfs(path: str, *options: str) -> dict[str, Any]:
    """A folder in memory."""
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", *options]}


class Runtime:
    """One container of runc."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.name = f"glossator-{os.getpid()}"

    def start(self, bundle: Path) -> subprocess.Popen[bytes]:
        """Start the container of a folder with a `config.json`."""
        return subprocess.Popen([self.program, "run", "--bundle", str(bundle), self.name])

    def succeeds(self, *command: str) -> bool:
        """Run a command in the container."""
        ran = subprocess.run([self.program, "exec", self.name, *command], capture_output=True)
        return ran.returncode == 0

    def kill(self, signal: str) -> None:
        """Send a signal to its first process."""
        subprocess.run([self.program, "kill", self.name, signal], check=True)


def check_container(runtime: Runtime, bundle: Path, config: Config, key: str) -> float:
    """Start the container, let it answer, try to write, stop it, and return the seconds until it was ready."""
    health = config["Healthcheck"]["Test"]
    assert health[0] == "CMD"
    assert not is_ready(), f"another server answers on {URL}"
    began = time.monotonic()
    process = runtime.start(bundle)
    try:
        while not is_ready():
            assert process.poll() is None, f"the container exited with {process.returncode}"
            assert time.monotonic() - began < START_SECONDS, f"not ready after {START_SECONDS:.0f} s"
            time.sleep(0.05)
        seconds = time.monotonic() - began
        assert runtime.succeeds(*health[1:]), "the server is ready, and its health check fails"
        print(f"start: ready after {seconds:.1f} s, the health check passes")
        print(f"answer: {predict(key)}")
        assert not runtime.succeeds("python", "-c", "open('/new', 'w')"), "the root of the container can be written"
        assert runtime.succeeds("python", "-c", "open('/cache/new', 'w')"), "/cache cannot be written"
        print(f"rights: user {config['User']}, read-only root, no capabilities")
        runtime.kill("TERM")
        code = process.wait(STOP_SECONDS)
        assert code == 0, f"after SIGTERM the container exited with {code}, expected 0"
        print("stop: exit code 0 after SIGTERM")
        return seconds
    finally:
        if process.poll() is None:
            runtime.kill("KILL")
            process.wait(STOP_SECONDS)


def is_ready() -> bool:
    """Whether the server of the container says that it is ready."""
    try:
        with urlopen(f"{URL}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:  # nothing listens yet, or the answer is 503
        return False


def predict(key: str) -> str:
    """The label of a text, over HTTP."""
    body = json.dumps({"text": TEXT}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    with urlopen(Request(f"{URL}/v1/models/tickets/predict", body, headers), timeout=10) as response:
        labels = json.load(response)["results"][0]["labels"]
    assert labels, f"no label for {TEXT!r}"
    return f"{TEXT} -> {', '.join(labels)}"


@contextmanager
def mounted(image: str) -> Iterator[Path]:
    """The files of an image, in a folder."""
    container = output("buildah", "from", "--pull-never", image)
    try:
        yield Path(output("buildah", "mount", container))
    finally:
        output("buildah", "rm", container)


def sizes(image: str, root: Path, folder: Path) -> tuple[float, float]:
    """Megabytes of the unpacked image, and of its compressed layers as a registry keeps them."""
    unpacked = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    archive = folder / "image.tar"
    output("buildah", "push", "--quiet", image, f"oci-archive:{archive}")
    packed = archive.stat().st_size
    archive.unlink()
    return unpacked / 1e6, packed / 1e6


def output(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
