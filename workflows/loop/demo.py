"""The demonstration of the closed loop: a week of support tickets with a new kind of ticket from the third day on."""

from __future__ import annotations

import csv
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glossator.service.errors import ConfigError
from glossator.workflows.corpus.data_splits import DataSources
from glossator.workflows.corpus.reading_options import ReadingOptions
from glossator.workflows.loop.settings import parse_settings
from glossator.workflows.loop.simulation import DAY, DayResult, Simulated, Simulation, Text, deploy
from glossator.workflows.report_files import render_files, report_metadata, write_files
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

if TYPE_CHECKING:
    from glossator.evaluation.reports.document.report import Tile

NAME = "tickets"
NEW_LABEL = "account_access"
DAYS, FIRST_NEW_DAY = 7, 3
TRAINING_ROWS = 580
FEWEST_OF_LABEL = 20
"""Labels with fewer rows are misspelt ones."""
LABELS = 80
MIN_ACCURACY = 70.0
FEWEST_AFTER_ALARM = 20
FIGURE, REPORT, SUMMARY, CONFIG = "loop.svg", "loop.html", "loop.md", "loop.toml"
_SEED = 3

_CONFIG = f"""\
# The settings with which the simulated week was played: glossator loop --config loop.toml
[closed-loop]
model = "{NAME}"
log = "log"
registry = "registry"
tasks = "tasks"
answers = "answers"
period-hours = 24
labels = {LABELS}
min-accuracy = {MIN_ACCURACY:g}
fewest = 1000
fewest-after-alarm = {FEWEST_AFTER_ALARM}
new-labels = true
margin = 3.0
max-latency-ratio = 5.0
"""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What happened in the week, and the sentences and files that tell it."""

    simulated: Simulated
    sentences: list[str]
    figure: Path
    report: Path


def play_demo(corpus: Path, folder: Path, reporter: Reporter) -> DemoResult:
    """Play the week in a folder.

    Args:
        corpus: The example corpus of support tickets.
        folder: An empty folder: it gets the registry, the log, the retrainings and the figure.
        reporter: Receives the progress.
    """
    import tomllib

    from glossator.service.reviews.store import open_review_database

    training, days = split_week(read_tickets(corpus))
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "category"), *training])
    (folder / CONFIG).write_text(_CONFIG, encoding="utf-8")
    reporter.stage(f"training the first version on {len(training):,} tickets, none of them about {NEW_LABEL}")
    deploy(
        NAME,
        folder,
        DataSources(source=str(folder / "tickets.csv")),
        ReadingOptions(text_column="text", label_column="category"),
        {"algorithm": "tfidf", "options": {"pairs": "no"}},
        RunStore(folder / "runs", ["demo", "loop"]),
        Reporter(),
    )
    table = tomllib.loads(_CONFIG)["closed-loop"]
    settings = parse_settings({name.replace("-", "_"): value for name, value in table.items()}, folder)
    settings.log.mkdir()
    database = open_review_database(settings.log)
    try:
        simulation = Simulation(
            settings,
            database,
            begin=time.time() - DAYS * DAY,
            gold={each.text: each.label for day in days for each in day},
            known=sorted({label for _, label in training}),
            reporter=reporter,
        )
        found = simulation.play(days)
    finally:
        database.close()
    sentences = tell(found)
    _write(folder, found, sentences)
    return DemoResult(found, sentences, folder / FIGURE, folder / REPORT)


def read_tickets(corpus: Path) -> list[Text]:
    """Return the distinct tickets of the example corpus whose category is spelt as most are."""
    with corpus.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"] or "", (row["category"] or "").strip().lower()) for row in csv.DictReader(file)]
    counts = Counter(label for _, label in rows)
    found = {text: Text(text, label) for text, label in rows if text.strip() and counts[label] >= FEWEST_OF_LABEL}
    if NEW_LABEL not in counts or len(found) < TRAINING_ROWS + DAYS:
        raise ConfigError("the example corpus has other rows than expected", found=f"{len(found):,} rows in {corpus}")
    return list(found.values())


def split_week(tickets: Sequence[Text]) -> tuple[list[Text], list[list[Text]]]:
    """Return rows to train on, and the texts of each day; the new kind comes in equal parts from its first day on."""
    shuffled = list(tickets)
    random.Random(_SEED).shuffle(shuffled)
    usual = [each for each in shuffled if each.label != NEW_LABEL]
    new = [each for each in shuffled if each.label == NEW_LABEL]
    training, traffic = usual[:TRAINING_ROWS], usual[TRAINING_ROWS:]
    days = [traffic[day::DAYS] for day in range(DAYS)]
    with_new = DAYS - FIRST_NEW_DAY + 1
    for place in range(with_new):
        days[FIRST_NEW_DAY - 1 + place] += new[place::with_new]
    mixing = random.Random(_SEED + 1)
    for day in days:
        mixing.shuffle(day)
    return training, days


def tell(found: Simulated) -> list[str]:
    """Return what happened, in plain words."""
    before = [day for day in found.days if not day.new_texts]
    lines = [f"before: {_share(before)} of the answers were right"] if before else []
    new, promoted = found.first("new texts"), found.first("promoted")
    alarms = [each for each in (found.first("accuracy"), found.first("drift")) if each is not None]
    if new is not None:
        fallen = [day for day in found.days if day.new_texts and (promoted is None or day.day <= promoted.day)]
        lines.append(f"day {int(new.day) + 1}: tickets about {new.detail} arrive; {_share(fallen)} are right then")
    for alarm in sorted(alarms, key=lambda each: each.day):
        what = "reviews show that the accuracy is too low" if alarm.kind == "accuracy" else "the texts have changed"
        since = "" if new is None else f", after {alarm.texts - new.texts:,} texts"
        when = "at the end of" if alarm.kind == "accuracy" else "on"
        lines.append(f"alarm {when} day {_day(alarm.day)}{since}: {what}")
    retrained = found.first("retrained")
    if retrained is not None:
        lines.append(f"retrained at the end of day {_day(retrained.day)}: {retrained.detail}")
    if promoted is None:
        lines.append("no new version was promoted: the reviewed disagreements do not show yet that it is no worse")
    else:
        lines.append(f"at the end of day {_day(promoted.day)}, {promoted.detail}")
        after = [day for day in found.days if day.day > promoted.day]
        lines += [f"after: {_share(after)} of the answers were right"] if after else []
    reviewed, compared = sum(day.reviewed for day in found.days), sum(day.compared for day in found.days)
    texts = sum(day.texts for day in found.days)
    lines.append(
        f"the reviewer looked at {reviewed:,} answers and {compared:,} disagreements, of {texts:,} texts in all"
    )
    inside = sum(day.value is not None and day.low <= day.accuracy <= day.high for day in found.days)
    lines.append(f"the interval contained the true accuracy on {inside} of {len(found.days)} days")
    return lines


def draw(found: Simulated, title: str) -> str:
    """Return the figure of a simulation, as SVG."""
    from glossator.evaluation.reports.plots.loop_plot import LoopDay, LoopMark, loop_svg

    words = {
        "new texts": "new kind of text",
        "drift": "drift alarm",
        "accuracy": "accuracy alarm",
        "retrained": "retrained",
        "promoted": "promoted",
        "rolled back": "rolled back",
    }
    repeated = ("retrained", "promoted", "rolled back")
    events = [each for each in found.events if each.kind in repeated or each is found.first(each.kind)]
    marks = [LoopMark(each.day, words[each.kind]) for each in events]
    days = [LoopDay(each.day, each.value, each.low, each.high, each.accuracy) for each in found.days]
    return loop_svg(title, days, marks)


def _write(folder: Path, found: Simulated, sentences: Sequence[str]) -> None:
    from glossator.evaluation.reports.document.report import Figure, Report, Section

    title = "A simulated week of support tickets"
    figure = Figure(
        Path(FIGURE).stem,
        draw(found, title),
        "Accuracy",
        "The band is what a few reviewed answers show; the dashed line is the truth, which only a simulation knows.",
    )
    report = Report(
        metadata=report_metadata("simulation", title, model=NAME, command="glossator demo loop"),
        tiles=_tiles(found),
        sections=(
            Section("Accuracy by day", figures=(figure,)),
            Section("What happened", "".join(f"- {line}\n" for line in sentences)),
        ),
    )
    write_files(folder, render_files(report, html=REPORT, markdown=SUMMARY))


def _tiles(found: Simulated) -> tuple[Tile, ...]:
    from glossator.evaluation.reports.document.report import Tile

    promoted = found.first("promoted")
    before = [day for day in found.days if not day.new_texts]
    after = [day for day in found.days if promoted is not None and day.day > promoted.day]
    reviewed, texts = sum(day.reviewed for day in found.days), sum(day.texts for day in found.days)
    return (
        Tile("Right before", _share(before), "", "until the new kind of text came"),
        Tile("Right after", _share(after), "", "since the retrained version was promoted"),
        Tile("Reviewed", f"{reviewed:,}", f"of {texts:,} answers", "all that a person had to look at"),
    )


def _share(days: Sequence[DayResult]) -> str:
    texts = sum(day.texts for day in days)
    right = sum(day.accuracy * day.texts for day in days)
    return f"{100 * right / texts:.0f} %" if texts else "none"


def _day(time: float) -> int:
    """Return the number of the day at whose end, or in which, something happened."""
    return max(1, int(time) if time == int(time) else int(time) + 1)
