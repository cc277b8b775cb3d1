"""A bundle as a classifier of scikit-learn, for its metrics, curves and ensembles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError
from glossator.service.inference.model import Model, load
from glossator.service.optional_packages import import_optional
from glossator.service.tasks.rating import is_rating

import_optional("sklearn.base", "SklearnClassifier", package="scikit-learn", extra="evaluation")

from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402  # after the error that names the extra


class SklearnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A trained bundle with the methods of a classifier of scikit-learn. It is fitted from the start.

    The bundle is loaded when it is first needed. The estimator can be cloned and pickled: the copy loads the bundle
    again. Where scikit-learn would fit it, wrap it in `sklearn.frozen.FrozenEstimator`. There is no
    `decision_function`: `predict_proba` returns calibrated probabilities.

    Args:
        bundle: The folder of a bundle that classifies texts or pairs.
        threads: CPU threads; None takes all CPUs that this process may use.

    Example:
        >>> from sklearn.metrics import classification_report  # doctest: +SKIP
        >>> classifier = glossator.SklearnClassifier("models/tickets")  # doctest: +SKIP
        >>> print(classification_report(labels, classifier.predict(texts)))  # doctest: +SKIP
    """

    def __init__(self, bundle: str | Path, *, threads: int | None = None) -> None:
        self.bundle = bundle
        self.threads = threads

    def fit(self, X: object, y: object = None) -> NoReturn:  # noqa: N803
        """Raise NotImplementedError: training has files, checks and options that `fit` has no place for."""
        raise NotImplementedError(
            "a bundle is trained already. Hint: train another one with glossator.train(...), or wrap this one in "
            "sklearn.frozen.FrozenEstimator where scikit-learn fits its estimators."
        )

    @property
    def model(self) -> Model:
        """The loaded model.

        Raises:
            ConfigError: The bundle is no classifier.
            BundleError: It cannot be loaded.
        """
        if "_model" not in vars(self):
            model = load(self.bundle, threads=self.threads)
            if not isinstance(model.task, Classifier) or is_rating(model.task):
                raise ConfigError("this bundle is no classifier", found=model.task.task, expected="labels")
            self._model = model
        return self._model

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The labels, sorted, as scikit-learn sorts them; the columns of `predict_proba`."""
        return np.array(sorted(self._task.labels))

    def predict(self, X: Iterable[object]) -> NDArray[Any]:  # noqa: N803
        """Return the label of each text `(texts,)`; for a multi-label model, an indicator matrix `(texts, labels)`.

        Raises:
            InputError: An item is no text; names its place. An array has no room for errors.
        """
        answers = self.model(_one_column(X)).raise_first_error()
        if self._task.problem_type == "multi_label_classification":
            given = [[label in answer.labels for label in self.classes_.tolist()] for answer in answers]
            return np.array(given, dtype=int).reshape(len(answers), len(self.classes_))
        return np.array([answer.label for answer in answers], dtype=self.classes_.dtype)

    def predict_proba(self, X: Iterable[object]) -> NDArray[np.float64]:  # noqa: N803
        """Return the probability of each label `(texts, labels)`, in the order of `classes_`.

        Raises:
            InputError: An item is no text; names its place.
        """
        answers = self.model(_one_column(X)).raise_first_error()
        place = {label: column for column, label in enumerate(self.classes_.tolist())}
        probability = np.zeros((len(answers), len(place)))
        for row, answer in enumerate(answers):
            for each in answer.scores:
                probability[row, place[each.label]] = each.score
        return probability

    @property
    def _task(self) -> Classifier:
        task = self.model.task
        assert isinstance(task, Classifier)
        return task

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        tags.requires_fit = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_model"}


def _one_column(texts: Any) -> Any:
    """Return the texts; of a table or an array with one column, that column."""
    if getattr(texts, "ndim", 1) == 2 and texts.shape[1] == 1:
        return np.asarray(texts, dtype=object)[:, 0]
    return texts
