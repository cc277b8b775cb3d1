"""All review queues of a server: the list, and the queue of an id."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from glossator.service.api.feedback.labelling_service import LabellingService
from glossator.service.api.feedback.review_service import ReviewService
from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.models.promotion_service import PromotionService
from glossator.service.api.problems import PromotionsOff, ReviewsOff, ScopeMissing
from glossator.service.api.web.review.file_queue import DifferingRows, FileQueue
from glossator.service.api.web.review.period_progress import PeriodProgress
from glossator.service.api.web.review.period_queue import DifferingQueue, PeriodQueue
from glossator.service.api.web.review.promotion_queue import PromotionQueue, ShownItems
from glossator.service.api.web.review.queue import Caller, QueueSummary, ReviewQueue
from glossator.service.errors import UnknownChallenge, UnknownModel, UnknownQueue, shorten

_FILE = "file:"
FILES_HINT = "Start it with a folder for them: glossator serve --reviews FOLDER."
_LOG_HINT = "Start it with a folder for the log: glossator serve --log FOLDER --log-texts."


class ReviewQueues:
    """The queues of one server.

    Args:
        models: The models of the server.
        reviews: The reviews of logged answers, if answers are logged.
        promotions: The comparisons of versions, if answers are logged.
        labelling: The queues of files, if there is a folder for them.
    """

    def __init__(
        self,
        models: ModelCatalog,
        reviews: ReviewService | None,
        promotions: PromotionService | None,
        labelling: LabellingService | None,
    ) -> None:
        self._models = models
        self._reviews, self._promotions, self._labelling = reviews, promotions, labelling
        self._progress = PeriodProgress()
        self._shown = ShownItems()

    def find(self, queue: str, caller: Caller) -> ReviewQueue:
        """Return a queue by its id.

        Raises UnknownQueue; ReviewsOff or PromotionsOff if the server has none of this kind; ScopeMissing if only
        admins may use it. That a model or a file has no queue is found when it is used.
        """
        kind, _, name = queue.partition(":")
        makers: dict[str, Callable[[str], ReviewQueue]] = {
            "period": self._period,
            "differing": partial(self._differing, caller),
            "promotion": self._promotion,
            "file": self._file,
        }
        if kind not in makers or not name:
            raise UnknownQueue("there is no such queue", found=shorten(queue), hint="GET /ui/review/queues.json")
        return makers[kind](name)

    async def summaries(self, caller: Caller, deadline: float) -> list[QueueSummary]:
        """Return what the list shows: files, answers of models, comparisons, for admins what reviewers differ on."""
        found: list[QueueSummary] = []
        differing: list[QueueSummary] = []
        if (labelling := self._labelling) is not None:
            files = await labelling.threads.run(lambda: labelling.threads.store().queues(), deadline)
            for each in files:
                try:
                    found.append(await self._file(each.id).summary(caller, deadline))
                except UnknownQueue:  # deleted in the meantime
                    continue
                if found[-1].can_adjudicate:
                    differing.append(await self._differing(caller, _FILE + each.id).summary(caller, deadline))
        names = dict.fromkeys(self._models.names)
        if (reviews := self._reviews) is not None:
            for name in await reviews.threads.run(lambda: reviews.threads.store().models(), deadline):
                names[name] = None
                found.append(await self._period(name).summary(caller, deadline))
                if found[-1].can_adjudicate:
                    differing.append(await self._differing(caller, name).summary(caller, deadline))
        if self._promotions is not None:
            for name in names:
                try:
                    found.append(await self._promotion(name).summary(caller, deadline))
                except (UnknownChallenge, UnknownModel):
                    continue
        return found + differing

    def _period(self, name: str) -> PeriodQueue:
        return PeriodQueue(self._logged(), self._progress, name)

    def _differing(self, caller: Caller, name: str) -> ReviewQueue:
        if not caller.is_admin:
            raise ScopeMissing("only an admin decides where reviewers differ", expected="admin")
        if name.startswith(_FILE):
            return DifferingRows(self._labels(), name.removeprefix(_FILE))
        return DifferingQueue(self._logged(), self._progress, name)

    def _promotion(self, name: str) -> PromotionQueue:
        if self._promotions is None:
            raise PromotionsOff("this server logs no answers, so no versions can be compared on them", hint=_LOG_HINT)
        return PromotionQueue(self._promotions, self._shown, name)

    def _file(self, name: str) -> FileQueue:
        return FileQueue(self._labels(), name)

    def _labels(self) -> LabellingService:
        if self._labelling is None:
            raise ReviewsOff("this server has no folder for files to label", hint=FILES_HINT)
        return self._labelling

    def _logged(self) -> ReviewService:
        if self._reviews is None:
            raise ReviewsOff("this server has no answers to review: it does not log them", hint=_LOG_HINT)
        return self._reviews
