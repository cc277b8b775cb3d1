"""Place several models on several servers by their memory, and write the configuration of nginx for them.

    python deploy/placement.py models/* --server 10.0.0.1:8000 --server 10.0.0.2:8000 --memory-mb 4000 -o placement

Prints the command of each server, and writes placement/nginx.conf, which sends the requests for a model to the servers
that have it. Every bundle is loaded once in a process of its own, to measure its memory.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from glossator.service.bundle.reader import read_manifest
from glossator.service.errors import ConfigError, GlossatorError
from glossator.service.files.durable import write_atomically

BASE_MB = 200
"""Memory of a server without models."""
_MEASURE = """
import re, sys
from pathlib import Path
from glossator.service.inference.model import load

def peak_mb():  # not from getrusage: that begins with the peak of the parent process
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

before = peak_mb()
model = load(sys.argv[1])
for _ in range(2):
    model.predict([row.input for row in model.bundle.golden])
print(peak_mb() - before)
"""
_CONFIG = """\
# Written by deploy/placement.py. Requests for a model go to the servers that have it; see deploy/nginx.conf.
events {{}}

http {{
{upstreams}
    map $uri $model {{
        ~^/(?:v1/models|v2/models|tei|hf)/(?<name>[^/:@]+) $name;
    }}

    map $model $servers {{
{names}
    }}

    server {{
        listen 8000;
        client_max_body_size 0;
        proxy_buffering off;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_connect_timeout 1s;
        proxy_read_timeout 1h;

        location / {{
            default_type text/plain;
            if ($servers = "") {{
                return 404 "No server has this model, or the path names none.\\n";
            }}
            proxy_next_upstream error timeout non_idempotent;
            proxy_next_upstream_tries 3;
            proxy_pass http://$servers;
        }}
    }}
}}
"""


def main() -> int:
    """Run the command line and return the exit code."""
    arguments = _parse_arguments()
    try:
        bundles = {read_manifest(path).name: path for path in arguments.bundle}
        if len(bundles) < len(arguments.bundle):
            raise ConfigError("two bundles have the same name", hint="Export one with --name.")
        memory = {name: measure_mb(path) for name, path in bundles.items()}
        placed = place(
            memory, arguments.server, server_mb=arguments.memory_mb - arguments.base_mb, copies=arguments.copies
        )
    except GlossatorError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    config = arguments.output / "nginx.conf"
    write_atomically(config, nginx_config(placed).encode())
    for server, names in placed.items():
        used = arguments.base_mb + sum(memory[name] for name in names)
        print(f"# {server}: {used:,.0f} of {arguments.memory_mb:,} MB")
        print(shlex.join(serve_command(server, [bundles[name] for name in names])) if names else "# no model")
    sys.stderr.write(f"written: {config}\n")
    return 0


def place(
    memory: Mapping[str, float], servers: Sequence[str], *, server_mb: float, copies: int
) -> dict[str, list[str]]:
    """Choose the models of each server.

    The largest model comes first. Its copies go to the servers with the most free memory, or, if that leaves no room
    for another model, to the first servers with room (first-fit decreasing).

    Args:
        memory: Megabytes of each model.
        servers: The addresses of the servers.
        server_mb: Megabytes for models on each server.
        copies: On how many servers each model is.

    Raises:
        ConfigError: The models do not fit.
    """
    if copies > len(servers):
        raise ConfigError(
            "there are fewer servers than copies of a model", found=f"{len(servers)} servers, {copies} copies",
            hint="Add servers, or use fewer --copies.",
        )  # fmt: skip
    for order in (lambda free: -free, lambda _: 0.0):
        placed = _place(memory, servers, server_mb, copies, order)
        if placed is not None:
            return placed
    name, largest = max(memory.items(), key=lambda item: item[1])
    if largest > server_mb:
        raise ConfigError(
            f"the model {name} is too large for a server", found=f"{largest:,.0f} MB",
            expected=f"at most {server_mb:,.0f} MB", hint="Use servers with more memory.",
        )  # fmt: skip
    raise ConfigError(
        "the models do not fit", found=f"{copies * sum(memory.values()):,.0f} MB for {copies} copies of each model",
        expected=f"less than {len(servers)} servers with {server_mb:,.0f} MB each",
        hint="Add servers or memory, or use fewer --copies.",
    )  # fmt: skip


def _place(
    memory: Mapping[str, float],
    servers: Sequence[str],
    server_mb: float,
    copies: int,
    order: Callable[[float], float],
) -> dict[str, list[str]] | None:
    """Place the largest model first, on the first servers with room by `order` of their free memory."""
    free = dict.fromkeys(servers, server_mb)
    placed: dict[str, list[str]] = {server: [] for server in servers}
    for name in sorted(memory, key=lambda name: -memory[name]):
        with_room = [server for server in servers if free[server] >= memory[name]]
        if len(with_room) < copies:
            return None
        for server in sorted(with_room, key=lambda server: order(free[server]))[:copies]:
            free[server] -= memory[name]
            placed[server].append(name)
    return placed


def measure_mb(bundle: Path) -> float:
    """Load a bundle in another process, answer its golden rows, and return the growth of its peak memory."""
    ran = subprocess.run([sys.executable, "-P", "-c", _MEASURE, str(bundle)], capture_output=True, text=True)
    if ran.returncode:
        last = ran.stderr.strip().rpartition("\n")[2]
        raise ConfigError("the bundle cannot be loaded", found=f"{bundle}: {last}", hint="Run `glossator verify`.")
    return float(ran.stdout)


def nginx_config(placed: Mapping[str, Sequence[str]]) -> str:
    """Return the configuration of nginx for models that are placed on servers."""
    servers_of: dict[str, list[str]] = {}
    for server, names in placed.items():
        for name in names:
            servers_of.setdefault(name, []).append(server)
    groups = {
        servers: f"servers-{number}" for number, servers in enumerate(sorted(set(map(tuple, servers_of.values()))), 1)
    }
    return _CONFIG.format(
        upstreams="\n".join(_upstream(group, servers) for servers, group in groups.items()),
        # Regular expressions, because nginx ignores the case of plain names.
        names="\n".join(
            f'        "~^{re.escape(name)}$" {groups[tuple(servers_of[name])]};' for name in sorted(servers_of)
        ),
    )


def _upstream(group: str, servers: Sequence[str]) -> str:
    lines = [f"server {server} max_fails=1 fail_timeout=2s;" for server in servers]
    lines += [f"server {server} max_fails=0 backup;" for server in servers]
    block = "\n".join(["least_conn;", *lines, "keepalive 32;"])
    return f"    upstream {group} {{\n{textwrap.indent(block, ' ' * 8)}\n    }}\n"


def serve_command(server: str, bundles: Sequence[Path]) -> list[str]:
    """Return the command that serves bundles at an address."""
    host, _, port = server.rpartition(":")
    return ["glossator", "serve", *map(str, bundles), "--host", host, "--port", port]


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Place several models on several servers by their memory.")
    parser.add_argument("bundle", nargs="+", type=Path, help="bundle folders")
    parser.add_argument("--server", action="append", required=True, metavar="HOST:PORT", help="once for each server")
    parser.add_argument("--memory-mb", type=int, required=True, help="memory of a server")
    parser.add_argument("--base-mb", type=int, default=BASE_MB, help="memory of a server without models")
    parser.add_argument("--copies", type=int, default=2, help="on how many servers each model is")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for nginx.conf")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
