"""A Ray cluster of several nodes on this machine. `python ray_nodes.py NODES CPUS` prints its address, then does what
each line of standard input says: `kill` ends a node with all its processes at once; the end of the input ends all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ray_nodes(nodes: int, cpus: int = 1) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a cluster that lives while the block runs, and what kills one of its nodes."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, str(nodes), str(cpus)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    commands, answers = process.stdin, process.stdout

    def kill() -> None:
        commands.write("kill\n")
        commands.flush()
        assert answers.readline().strip() == "killed"

    try:
        address = answers.readline().strip()
        assert address, "the cluster did not start"
        yield address, kill
    finally:
        commands.close()
        process.wait(60)
        answers.close()


def main(nodes: int, cpus: int) -> None:
    from ray.cluster_utils import Cluster

    store = 100 << 20
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": store,
                                                            "include_dashboard": False})  # fmt: skip
    workers = [cluster.add_node(num_cpus=cpus, object_store_memory=store) for _ in range(nodes)]
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(workers.pop(), allow_graceful=False)
            print("killed", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
