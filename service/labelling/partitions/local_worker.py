"""A process that labels parts for the command that started it.

    python -P -m glossator.service.labelling.partitions.local_worker BUNDLE THREADS

Standard input brings the job and then parts, standard output takes the replies; see `worker_messages`. The process ends
at once when its standard input closes, so it never outlives the command. Its unfinished part stays in its ledger.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

from glossator.service.errors import GlossatorError
from glossator.service.inference.model import load
from glossator.service.labelling.partitions.part_worker import PartWorker
from glossator.service.labelling.partitions.worker_messages import decode_job, decode_part, encode_reply


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the command ends the workers
    bundle, threads = Path(sys.argv[1]), int(sys.argv[2])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not disturb the replies
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
    job = decode_job(lines.get())
    worker: PartWorker | None = None
    while True:
        part = decode_part(lines.get())
        try:
            worker = worker or PartWorker(job, load(bundle, threads=threads))
            reply = encode_reply(worker.label(part))
        except GlossatorError as error:
            reply = encode_reply(error)
        replies.write(reply)
        replies.flush()


def _read_lines(lines: SimpleQueue[bytes]) -> None:
    """Pass on the lines of standard input; end this process when it closes."""
    with os.fdopen(0, "rb", closefd=False) as stream:  # sys.stdin would be locked when this process ends by an error
        for line in stream:
            lines.put(line)
    os._exit(1)


if __name__ == "__main__":
    main()
