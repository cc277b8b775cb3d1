"""Reads a fitted linear classifier of scikit-learn as one matrix, from its public attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from glossator.export.importing.sklearn_text.vectorizer import is_of_sklearn
from glossator.modeling.architectures.ngram_linear import Link
from glossator.service.errors import ConfigError

Floats = NDArray[np.float64]

_LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")
_MARGINS = ("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron", "PassiveAggressiveClassifier")
_BAYES = ("MultinomialNB", "ComplementNB")
_REASONS = {
    "CalibratedClassifierCV": (
        "it averages several calibrated models, which is not linear",
        "Import a pipeline with the classifier inside, and pass labels: they calibrate its scores.",
    ),
    "GridSearchCV": ("it is a search", "Pass its best_estimator_."),
    "RandomizedSearchCV": ("it is a search", "Pass its best_estimator_."),
    "TunedThresholdClassifierCV": ("it moves the threshold of another classifier", "Pass its estimator_."),
    "FixedThresholdClassifier": ("it moves the threshold of another classifier", "Pass its estimator_."),
    "OneVsOneClassifier": ("its classifiers vote, which is not linear", "Use OneVsRestClassifier."),
    "BernoulliNB": ("it reads whether words occur, not the vector", "Use MultinomialNB after a binary vectorizer."),
    "SVC": ("its kernel is not linear, or it votes between pairs of labels", "Use LinearSVC."),
}


@dataclass(frozen=True, slots=True)
class LinearForm:
    """`logits = weights @ vector + bias`, with one row of `weights` `(labels, columns)` per class.

    `probabilities`: softmax of the logits (of several labels per text: sigmoid) gives what `predict_proba` gives; else
    the classifier has decision scores only.
    """

    classes: list[str]
    weights: Floats
    bias: Floats
    link: Link
    multi_label: bool
    probabilities: bool


def read_classifier(step: Any) -> LinearForm:
    """Return the linear form of the last step of a pipeline. Raises ConfigError if it has none."""
    name = type(step).__name__
    if is_of_sklearn(step, "OneVsRestClassifier"):
        return _one_vs_rest(step)
    if not is_of_sklearn(step, *_LOGISTIC, *_MARGINS, *_BAYES, "SGDClassifier"):
        reason, hint = _REASONS.get(name, ("it is not one of the linear classifiers that can be read", None))
        _refuse(f"{name}: {reason}", hint)
    if not hasattr(step, "classes_"):
        raise ConfigError("the pipeline is not fitted", found=f"{name} without classes")
    classes = [str(each) for each in step.classes_]
    if name in _BAYES:
        weights = np.asarray(step.feature_log_prob_, dtype=np.float64)
        bias = np.asarray(step.class_log_prior_, dtype=np.float64)
        if name == "ComplementNB" and len(classes) > 1:
            bias = np.zeros(len(classes))  # it uses priors only if there is one class
        # Softmax does not change, and float32 keeps more digits of small numbers.
        return _form(classes, weights - weights.mean(axis=0), bias - bias.mean(), probabilities=True)
    weights = np.asarray(step.coef_.toarray() if hasattr(step.coef_, "toarray") else step.coef_, dtype=np.float64)
    weights = np.atleast_2d(weights)
    bias = np.broadcast_to(np.asarray(step.intercept_, dtype=np.float64), (len(weights),))
    probabilities = name in _LOGISTIC or getattr(step, "loss", None) == "log_loss"
    separate = name == "SGDClassifier" or _fits_one_vs_rest(step)
    return _form(classes, weights, bias, probabilities=probabilities, separate=probabilities and separate)


def _fits_one_vs_rest(step: Any) -> bool:
    """Whether a logistic regression of an older scikit-learn has one classifier per label."""
    kind = getattr(step, "multi_class", None)
    return kind == "ovr" or (kind is not None and getattr(step, "solver", None) == "liblinear")


def _form(
    classes: list[str], weights: Floats, bias: Floats, *, probabilities: bool, separate: bool = False
) -> LinearForm:
    if len(weights) == 1 and len(classes) == 2:  # one score, positive for the second class
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        separate = False
    if len(weights) != len(classes) or len(classes) < 2:
        _refuse(f"{len(classes)} classes with {len(weights)} rows of weights", "Several labels: OneVsRestClassifier.")
    link: Link = "log_sigmoid" if separate else "none"
    return LinearForm(classes, weights, bias, link, multi_label=False, probabilities=probabilities)


def _one_vs_rest(step: Any) -> LinearForm:
    if not hasattr(step, "estimators_"):
        raise ConfigError("the pipeline is not fitted", found="OneVsRestClassifier without classifiers")
    classes = [str(each) for each in step.classes_]
    constant = [
        label
        for label, each in zip(classes, step.estimators_, strict=False)
        if type(each).__name__ == "_ConstantPredictor"
    ]
    if constant:
        _refuse(
            f"OneVsRestClassifier: no classifier for {', '.join(constant)}, which all training rows have, or none",
            "Fit it without these labels.",
        )
    forms = [read_classifier(each) for each in step.estimators_]
    weights = np.stack([each.weights[1] - each.weights[0] for each in forms])
    bias = np.stack([each.bias[1] - each.bias[0] for each in forms])
    probabilities = all(each.probabilities for each in forms)
    if step.multilabel_:
        return LinearForm(classes, weights, bias, "none", multi_label=True, probabilities=probabilities)
    return _form(classes, weights, bias, probabilities=probabilities, separate=probabilities)


def _refuse(found: str, hint: str | None) -> NoReturn:
    raise ConfigError(
        "this classifier of scikit-learn cannot be imported",
        found=found,
        expected=", ".join([*_LOGISTIC, *_MARGINS, *_BAYES, "SGDClassifier", "or OneVsRestClassifier of these"]),
        hint=hint,
    )
