"""Workers of the job store, killed and stopped past their leases, until every job has ended: does each end once?

    python -m benchmarks.reliability.job_history [--jobs 100000] [--workers 8] [--stores sqlite,postgres]

Needs Linux; PostgreSQL is started for it from the system's own packages. Jobs of two chunks each are submitted, eight
processes claim and end them, and every second one of them is killed (SIGKILL) or stopped past its lease (SIGSTOP)
and goes on later. Each notes every step that the store accepted; afterwards a checker holds the notes against the
store. Writes benchmarks/results/job_history/.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.common.results import read_values, write_report, write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from databases import postgres, postgres_programs
from store_workers import disturbing, faults, steps, submit, wait_for, workers

from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.jobs.storage.open_store import open_store

LEASE = 0.5
EVERY = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--stores", default="sqlite,postgres")
    options = parser.parse_args()
    found = {}
    for name in options.stores.split(","):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if name == "postgres" and postgres_programs() is None:
                sys.exit("PostgreSQL is not installed: apt-get install postgresql")
            url = stack.enter_context(postgres()) if name == "postgres" else None
            found[name] = run(url, folder, options.jobs, options.workers)
            print(name, found[name], flush=True)
    write(found, options)
    if any(result["faults"] for result in found.values()):
        sys.exit("the history of a store is not as it should be: see benchmarks/results/job_history/")


def run(url: str | None, folder: Path, jobs: int, count: int) -> dict[str, object]:
    """What came of the jobs in one store."""
    store = open_store(folder, url)
    began = time.perf_counter()
    ids = submit(store, jobs)
    submitted = time.perf_counter() - began
    with workers(url, folder, count, lease=LEASE) as running:
        with disturbing(running, EVERY):
            wait_for(store, 3_600)
        worked = time.perf_counter() - began - submitted
    noted = steps(folder)
    wrong = faults(store, ids, noted)
    with store._transaction() as execute:
        (attempts,) = execute("SELECT sum(attempt) AS attempts, max(attempt) AS most FROM jobs", {})
    store.close()
    return {
        "jobs": jobs, "seconds_to_submit": round(submitted, 1), "seconds_to_work": round(worked, 1),
        "kills": running.kills, "stops": running.stops, "attempts": int(attempts["attempts"]),
        "most_attempts_of_a_job": attempts["most"], "refused_as_stale": noted.refused, "faults": wrong,
    }  # fmt: skip


def write(found: dict[str, dict[str, object]], options: argparse.Namespace) -> None:
    """Writes both result files."""
    before = read_values("job_history") or {}  # of the other store, where it was run alone with as many jobs
    found = {name: each for name, each in before.items() if each["jobs"] == options.jobs} | found
    header = ["store", "jobs", "killed", "stopped past the lease", "attempts", "stale steps refused",
              "jobs not ended exactly once", "s to submit", "s to work"]  # fmt: skip
    rows = [
        [name, f"{each['jobs']:,}", f"{each['kills']:,}", f"{each['stops']:,}", f"{each['attempts']:,}",
         f"{each['refused_as_stale']:,}", str(len(each["faults"])),  # type: ignore[arg-type]
         str(each["seconds_to_submit"]), str(each["seconds_to_work"])]
        for name, each in found.items()
    ]  # fmt: skip
    text = "\n".join([
        "# The history of jobs", "",
        f"{describe_machine()[0]}. {options.workers} workers, a lease of {LEASE} s, one killed or stopped every "
        f"{EVERY} s. Repeat with `python -m benchmarks.reliability.job_history --jobs {options.jobs}`.", "",
        markdown_table(header, rows),
    ])  # fmt: skip
    write_report("job_history", text)
    write_result("job_history", found)
    print(text)


if __name__ == "__main__":
    main()
