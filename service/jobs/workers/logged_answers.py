"""Adds the answers of a job to the prediction log.

Equal texts of a chunk are answered once and logged once. A chunk that is repeated after a crash is logged again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from glossator.service.bundle.reader import Bundle
from glossator.service.errors import InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.jobs.records import Job
from glossator.service.labelling.row_labelling import PendingAnswers, StartAnswers
from glossator.service.monitoring.prediction_log.records import JOB_ROUTE, Served
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.tasks.encoded import Text


class LoggedStart:
    """Starts answers that are logged when they are ready."""

    def __init__(self, start: StartAnswers, log: PredictionLog, claim: Job, bundle: Bundle) -> None:
        self._start = start
        self._log = log
        self._claim = claim
        self._bundle = bundle

    def __call__(self, texts: Sequence[Text | InputError]) -> PendingAnswers:
        return _LoggedAnswers(self._start(texts), texts, self._log, self._claim, self._bundle)


class _LoggedAnswers:
    def __init__(
        self,
        pending: PendingAnswers,
        texts: Sequence[Text | InputError],
        log: PredictionLog,
        claim: Job,
        bundle: Bundle,
    ) -> None:
        self._pending = pending
        self._texts = texts
        self._log = log
        self._claim = claim
        self._bundle = bundle
        self._began = time.monotonic()

    def result(self) -> Sequence[Answer | InputError]:
        answers = self._pending.result()
        served = Served(
            time=time.time(),
            request=self._claim.id,
            model=self._claim.model,
            version=None,
            digest=self._claim.digest,
            route=JOB_ROUTE,
            key=self._claim.owner,
            seconds=time.monotonic() - self._began,
            texts=self._texts,
            answers=answers,
            bundle=self._bundle,
        )
        self._log.add(served, wait=True)
        return answers
