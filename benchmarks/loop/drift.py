"""Drift: false alarms of unshifted texts, and how many texts a shift takes to be noticed.

    python -m benchmarks.loop.drift [--texts 1000000] [--alibi PYTHON] [--evidently PYTHON]

A model is trained on 6,000 rows of a corpus. Of other rows, 2,000 are the reference, and streams are drawn from the
rest with replacement. `false_alarms`: alarms in unshifted streams. `delays`: a stream of 1,000 unshifted texts goes on
with shifted ones (`drift_texts`); the texts from there to the alarm.

The other detectors run in environments of their own (`benchmarks/loop/rivals`), on the same streams of one corpus: the
online MMD of alibi-detect on the standardised summaries, and Evidently on the summaries, labels and texts in batches
of 500. Their thresholds are those that raise no alarm in 20,000 unshifted texts. Ours is measured at its default and at
that number of false alarms. The others have no tolerance: they ask whether anything at all is different, so ours is
also measured with a small one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.results import RESULTS, write_report, write_result
from benchmarks.loop.drift_texts import CORPORA, GRADUAL_TEXTS, SHIFTS, Answers, held_out_and_shifted
from glossator.evaluation.markdown import markdown_table
from glossator.service.inference.runtime.machine import describe_machine
from glossator.service.statistics.drift import MILLION, DriftSettings, DriftTest

REFERENCE = 2_000
BEFORE = 1_000
AFTER = 4_000
CALIBRATED = 20_000
BATCH = 500
COMPARED = "banking77"
RIVALS = Path(__file__).parent / "rivals"
DEFAULT = "ours, 0.005 false alarms in a million"
SETTINGS = {
    DEFAULT: DriftSettings(),
    "ours, 1 in 20,000": DriftSettings(false_alarms=MILLION / CALIBRATED),
    "ours, 1 in 20,000, tolerance 0.02": DriftSettings(false_alarms=MILLION / CALIBRATED, tolerance=0.02),
}

Rows = list[tuple[Answers, int]]
"""Texts of a stream: the answers, and the row in them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=MILLION, help="unshifted texts for each corpus")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--rival-repetitions", type=int, default=3)
    parser.add_argument("--alibi", type=Path, help="interpreter with requirements-alibi-detect.txt")
    parser.add_argument("--evidently", type=Path, help="interpreter with requirements-evidently.txt")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("work/drift"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, _ = describe_machine()
    found: dict[str, Any] = {"machine": machine, "repetitions": options.repetitions, "corpora": {}}
    for corpus in CORPORA:
        print(f"· {corpus}", flush=True)
        held_out, shifted = held_out_and_shifted(options.data, corpus, options.work)
        found["corpora"][corpus] = each = {"delays": delays(held_out, shifted, options.repetitions)}
        each["false_alarms"] = false_alarms(held_out, options.texts)
        if corpus == COMPARED:
            each["cost"] = cost(held_out, options.work / corpus / "bundle")
            each["rivals"] = rivals(held_out, shifted, options)
        print(json.dumps(each), flush=True)
    write_result("drift", found, folder=options.out)
    write_report("drift", report(found), folder=options.out)
    print(report(found))


def split(held_out: Answers, seed: int) -> tuple[list[int], list[int]]:
    """Return the rows of the reference and those of streams."""
    order = np.random.default_rng([1, seed]).permutation(len(held_out.texts)).tolist()
    return order[:REFERENCE], order[REFERENCE:]


def make_test(held_out: Answers, rows: Sequence[int], settings: DriftSettings) -> DriftTest:
    """Return the test with these rows as the reference."""
    samples = {name: values[rows].tolist() for name, values in held_out.summaries.items()}
    given = [held_out.labels[row] for row in rows]
    counts = {label: given.count(label) for label in sorted(set(given))}
    return DriftTest(samples, counts, texts=len(rows), single_label=True, settings=settings)


def false_alarms(held_out: Answers, texts: int) -> dict[str, Any]:
    """Count the alarms in unshifted streams, for several references."""
    splits, alarms, seconds = 4, 0, 0.0
    numbers = held_out.numbers()
    for seed in range(splits):
        reference, others = split(held_out, seed)
        test = make_test(held_out, reference, SETTINGS[DEFAULT])
        drawn = np.random.default_rng([2, seed]).choice(others, size=texts // splits).tolist()
        began = time.process_time()
        for number, row in enumerate(drawn):
            alarms += sum(change.began for change in test.add(numbers[row], [held_out.labels[row]], float(number)))
        seconds += time.process_time() - began
    return {"texts": texts, "alarms": alarms, "microseconds": 1e6 * seconds / texts}


def stream_rows(shift: str, others: Sequence[int], shifted: int, seed: int) -> list[tuple[bool, int]]:
    """Return a stream: whether each text is shifted, and its row."""
    random = np.random.default_rng([3, seed])
    after = GRADUAL_TEXTS if shift == "gradual" else AFTER
    share = np.linspace(0.0, SHIFTS[shift], after) if shift == "gradual" else np.full(after, SHIFTS[shift])
    is_shifted = np.concatenate([np.zeros(BEFORE, dtype=bool), random.random(after) < share])
    rows = np.where(is_shifted, random.integers(shifted, size=len(is_shifted)), random.choice(others, len(is_shifted)))
    return list(zip(is_shifted.tolist(), rows.tolist(), strict=True))


def delays(held_out: Answers, shifted: dict[str, Answers], repetitions: int) -> dict[str, Any]:
    """Return the texts from a shift to the alarm, of each repetition; null without an alarm."""
    found: dict[str, Any] = {}
    numbers = {"": held_out.numbers(), **{name: each.numbers() for name, each in shifted.items()}}
    for kind, settings in SETTINGS.items():
        for shift in SHIFTS:
            results: list[int | None] = []
            first: list[str] = []
            for seed in range(repetitions):
                reference, others = split(held_out, seed)
                test = make_test(held_out, reference, settings)
                delay = None
                for place, (is_shifted, row) in enumerate(stream_rows(shift, others, len(shifted[shift].texts), seed)):
                    answers, name = (shifted[shift], shift) if is_shifted else (held_out, "")
                    changes = test.add(numbers[name][row], [answers.labels[row]], float(place))
                    if place >= BEFORE and any(change.began for change in changes):
                        delay = place + 1 - BEFORE
                        first.append(changes[0].alarm.summary)
                        break
                results.append(delay)
            common = max(set(first), key=first.count) if first else None
            found.setdefault(shift, {})[kind] = {"delays": results, "summary": common}
    return found


def rivals(held_out: Answers, shifted: dict[str, Answers], options: argparse.Namespace) -> dict[str, Any]:
    """Return the delays of the other detectors that are installed."""
    reference, others = split(held_out, 0)
    streams: dict[str, Rows] = {
        "unshifted": [(held_out, int(row)) for row in np.random.default_rng(4).choice(others, size=CALIBRATED)]
    }
    for shift in SHIFTS:
        for seed in range(options.rival_repetitions):
            rows = stream_rows(shift, others, len(shifted[shift].texts), seed)[BEFORE:]
            streams[f"{shift}-{seed}"] = [(shifted[shift] if is_shifted else held_out, row) for is_shifted, row in rows]
    known = [(held_out, row) for row in reference]
    found = {}
    if options.alibi is not None:
        source = options.work / "alibi-in.npz"
        mean, deviation = _matrix(known).mean(axis=0), _matrix(known).std(axis=0) + 1e-9
        arrays = {name: (_matrix(rows) - mean) / deviation for name, rows in {"reference": known, **streams}.items()}
        np.savez(source, **{name: each.astype(np.float32) for name, each in arrays.items()})
        found["alibi-detect, online MMD"] = _run(options.alibi, "alibi_mmd.py", source)
    if options.evidently is not None:
        source = options.work / "evidently-in.json"
        columns = {name: _columns(rows) for name, rows in streams.items()}
        source.write_text(json.dumps({"reference": _columns(known), "streams": columns, "batch": BATCH}))
        found["Evidently, columns and text"] = _run(options.evidently, "evidently_drift.py", source)
    return found


def _run(python: Path, script: str, source: Path) -> dict[str, Any]:
    digest = hashlib.sha256(source.read_bytes() + (RIVALS / script).read_bytes()).hexdigest()[:16]
    target = source.with_name(f"{source.stem}-{digest}.json")  # kept by its input
    if not target.is_file():
        subprocess.run([python, RIVALS / script, source, target], check=True)
    result = json.loads(target.read_text())
    delays: dict[str, list[int | None]] = {}
    for name, delay in result["found"].items():
        delays.setdefault(name.rpartition("-")[0], []).append(delay)
    return {"version": result["version"], "microseconds": 1e6 * result["seconds"], "delays": delays}


def _matrix(rows: Rows) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([[values[row] for values in answers.summaries.values()] for answers, row in rows])


def _columns(rows: Rows) -> dict[str, list[Any]]:
    names = list(rows[0][0].summaries)
    numbers = {name: [float(answers.summaries[name][row]) for answers, row in rows] for name in names}
    labels, texts = ([getattr(answers, part)[row] for answers, row in rows] for part in ("labels", "texts"))
    return {**numbers, "label": labels, "text": texts}


def cost(held_out: Answers, bundle: Path) -> dict[str, float]:
    """Return the CPU microseconds for each text of answering single texts, of their summaries, and of the test."""
    from glossator.service.bundle import file_names
    from glossator.service.bundle.reference import parse_reference
    from glossator.service.inference.model import load
    from glossator.service.monitoring.drift.summaries import summaries_of

    model = load(bundle)
    profile = parse_reference(model.bundle.read(file_names.REFERENCE)).profile
    texts = held_out.texts[:300]
    model.predict(texts[:20])
    began = time.process_time()
    answers = [model(text) for text in texts]
    answering = time.process_time() - began
    began = time.process_time()
    for _ in range(10):
        for text, answer in zip(texts, answers, strict=True):
            summaries_of(answer, text, model.task, profile)
    summaries = (time.process_time() - began) / 10
    numbers, test = held_out.numbers(), make_test(held_out, range(REFERENCE), SETTINGS[DEFAULT])
    began = time.process_time()
    for place in range(20_000):
        row = place % len(numbers)
        test.add(numbers[row], [held_out.labels[row]], float(place))
    tested = time.process_time() - began
    return {
        "answer_microseconds": 1e6 * answering / len(texts),
        "summaries_microseconds": 1e6 * summaries / len(texts),
        "test_microseconds": 1e6 * tested / 20_000,
    }


def report(found: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    return "".join(_sections(found))


def _sections(found: dict[str, Any]) -> Iterator[str]:
    yield "# Drift\n\n`python -m benchmarks.loop.drift --alibi PYTHON --evidently PYTHON` on "
    yield f"{found['machine']}. Tolerance 0.1.\n\n"
    yield "## False alarms of unshifted texts\n\n"
    rows = [
        [corpus, f"{each['false_alarms']['texts']:,}", each["false_alarms"]["alarms"]]
        for corpus, each in found["corpora"].items()
    ]
    yield markdown_table(["corpus", "texts", "alarms"], [[str(cell) for cell in row] for row in rows]) + "\n\n"
    yield "## Texts from a shift to the alarm\n\n"
    yield f"Medians of {found['repetitions']} repetitions (other detectors: fewer); `-`: no alarm in half of them "
    yield f"within {AFTER:,} texts ({GRADUAL_TEXTS:,} of the gradual shift).\n\n"
    for corpus, each in found["corpora"].items():
        others = each.get("rivals", {})
        names = [*SETTINGS, *others]
        table = []
        for shift, kinds in each["delays"].items():
            cells = [median(kinds[kind]["delays"]) for kind in SETTINGS]
            cells += [median(rival["delays"][shift]) for rival in others.values()]
            table.append([shift, str(kinds[DEFAULT]["summary"] or "-"), *cells])
        yield f"### {corpus}\n\n" + markdown_table(["shift", "noticed by (ours)", *names], table) + "\n\n"
        if "cost" in each:
            yield _cost(each)


def _cost(each: dict[str, Any]) -> str:
    cost = each["cost"]
    ours = cost["summaries_microseconds"] + cost["test_microseconds"]
    rows = [
        ["answer of a single text, without HTTP", f"{cost['answer_microseconds']:,.0f}"],
        ["summaries of a text", f"{cost['summaries_microseconds']:.0f}"],
        ["test", f"{cost['test_microseconds']:.0f}"],
        *[[f"{name} {rival['version']}", f"{rival['microseconds']:,.0f}"] for name, rival in each["rivals"].items()],
    ]
    share = ours / cost["answer_microseconds"]
    return (
        markdown_table(["CPU time for each text", "microseconds"], rows)
        + f"\n\nSummaries and test take {share:.1%} of the CPU time of an answer.\n\n"
    )


def median(delays: Sequence[int | None]) -> str:
    """Return the median delay; `-` if there is no alarm in half of the repetitions."""
    ordered = sorted(delays, key=lambda each: float("inf") if each is None else each)
    middle = ordered[len(ordered) // 2]
    return "-" if middle is None else f"{middle:,}"


if __name__ == "__main__":
    main()
