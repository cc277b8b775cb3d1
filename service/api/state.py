"""What the routes of one app share."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from glossator.service.api.job_service import JobService
from glossator.service.api.metrics import Metrics
from glossator.service.api.model_catalog import ModelCatalog
from glossator.service.api.settings import Settings
from glossator.service.bundle.task import TextEmbedding
from glossator.service.errors import ConfigError, GlossatorError
from glossator.service.inference.model import Model


@dataclass(slots=True)
class AppState:
    """The models and how the app stands: it is ready once they are warm and until it drains."""

    models: ModelCatalog
    settings: Settings
    metrics: Metrics
    limiter: CapacityLimiter
    """Keeps large requests to a few threads beside the event loop."""
    version: str
    jobs: JobService | None = None
    warm: bool = False
    draining: bool = False
    failure: GlossatorError | None = None
    """Why a model did not warm up."""

    def model(self, name: str, version: str | None = None) -> Model:
        """The model of a name or of `NAME@VERSION`; see `Catalog.find`."""
        return self.models.find(name, version)

    def embedding_model(self, name: str) -> Model:
        """The model of that name; raises UnknownModel, and ConfigError where it gives no vectors."""
        model = self.model(name)
        if not isinstance(model.task, TextEmbedding):
            raise ConfigError(
                "this model gives no vectors", found=f"{name}: {model.task.task}", expected="text-embedding",
                hint="GET /v1/models tells the task of each.",
            )  # fmt: skip
        return model

    async def warm_up(self) -> None:
        """Answers one text with each model: its first run allocates and compiles what the others reuse."""
        try:
            for model in self.models.values():
                await to_thread.run_sync(model.predict, ["warm up"], limiter=self.limiter)
        except GlossatorError as error:
            self.failure = error
            raise
        self.warm = True
