"""The state that all routes of an app share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyio import to_thread

from glossator.service.api.feedback.feedback_service import FeedbackService
from glossator.service.api.feedback.labelling_service import LabellingService
from glossator.service.api.feedback.review_service import ReviewService
from glossator.service.api.job_service import JobService
from glossator.service.api.middleware.early_refusals import RecentRefusals
from glossator.service.api.models.challengers import Challenger
from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.api.models.promotion_service import PromotionService
from glossator.service.api.monitoring.drift_service import DriftService
from glossator.service.api.monitoring.metrics import Metrics
from glossator.service.api.monitoring.monitor_service import MonitorService
from glossator.service.api.security.key_ring import KeyRing
from glossator.service.api.security.sessions import Sessions
from glossator.service.api.settings import Settings
from glossator.service.api.web.review.queues import ReviewQueues
from glossator.service.bundle.task import TextEmbedding
from glossator.service.errors import ConfigError, GlossatorError
from glossator.service.inference.model import Model
from glossator.service.inference.queue.encoding_lanes import EncodingLanes
from glossator.service.monitoring.prediction_log.writer import PredictionLog
from glossator.service.monitoring.shadow.shadow import Shadow, Target


@dataclass(slots=True)
class AppState:
    """Models, settings and status of an app. It is ready from the end of `warm_up` until `draining` is set."""

    models: ModelCatalog
    settings: Settings
    metrics: Metrics
    lanes: EncodingLanes
    """The threads that parse, encode and decode large requests."""
    refusals: RecentRefusals
    version: str
    keys: KeyRing
    sessions: Sessions
    jobs: JobService | None = None
    log: PredictionLog | None = None
    drift: DriftService | None = None
    """Watches the prediction log for drift."""
    feedback: FeedbackService | None = None
    """What callers say about logged answers."""
    reviews: ReviewService | None = None
    """What reviewers say about drawn answers."""
    monitor: MonitorService | None = None
    """What is known of served models from the log."""
    promotions: PromotionService | None = None
    """Comparisons of two versions on logged texts."""
    labelling: LabellingService | None = None
    """Files that people label."""
    queues: ReviewQueues = field(init=False)
    """What people review: logged answers, comparisons of versions, files."""
    shadow: Shadow | None = None
    canaries: Mapping[str, Challenger] = field(default_factory=dict)
    """Name of a model to the version that answers a share of its requests."""
    in_progress: int = 0
    """How many requests are being answered by models."""
    warm: bool = False
    draining: bool = False
    failure: GlossatorError | None = None
    """The error of a model that failed to warm up."""

    @property
    def challengers(self) -> list[Target]:
        """The versions of the shadows and the canaries."""
        return [*(() if self.shadow is None else self.shadow.targets), *self.canaries.values()]

    def model(self, name: str, version: str | None = None) -> Model:
        """The model of `NAME` or `NAME@VERSION`; see `ModelCatalog.find`."""
        return self.models.find(name, version)

    def embedding_model(self, name: str) -> Model:
        """The embedding model of this name. Raises UnknownModel, or ConfigError if it is not an embedding model."""
        model = self.model(name)
        if not isinstance(model.task, TextEmbedding):
            raise ConfigError(
                "this model returns no embeddings",
                found=f"{name}: {model.task.task}",
                expected="text-embedding",
                hint="GET /v1/models lists the task of each model.",
            )
        return model

    async def warm_up(self) -> None:
        """Run one text through each model: the first run allocates memory that later runs reuse."""
        try:
            for model in self.models.values():
                await to_thread.run_sync(model.predict, ["warm up"])
        except GlossatorError as error:
            self.failure = error
            raise
        self.warm = True
