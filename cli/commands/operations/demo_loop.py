"""`glossator demo loop`"""

from __future__ import annotations

from pathlib import Path

from glossator.cli.support import console


def run_demo_loop(corpus: Path, output: Path) -> int:
    """Play a week of the closed loop in a folder, and print what happened.

    Args:
        corpus: The example corpus.
        output: An empty folder.
    """
    from glossator.workflows.loop.demo import CONFIG, play_demo

    done = play_demo(corpus, output, console.reporter())
    for line in done.sentences:
        console.stdout().print(line, markup=False)
    console.stdout().print(f"figure: {done.figure}; page: {done.report}; settings: {output / CONFIG}", markup=False)
    return console.OK
