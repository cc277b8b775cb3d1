"""Compares an imported pipeline with scikit-learn: the same labels and the same probabilities, or it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glossator.export.importing.imported_checkpoint import ForeignModel
from glossator.export.importing.sklearn_text.fitted_pipeline import TextPipeline
from glossator.service.bundle.task import Classifier
from glossator.service.errors import ConfigError, InputError
from glossator.service.tasks.text_classification import decide, probabilities

LIMIT = 1e-5
"""Largest allowed difference of a probability."""
_TIE = 1e-9
"""Scores this close are equal: which label wins is decided by rounding."""

Floats = NDArray[np.float64]


def compare_with_sklearn(foreign: ForeignModel, pipeline: Any, found: TextPipeline, texts: Sequence[str]) -> str:
    """Return how close the answers to texts are, in one line.

    Texts without tokens, and those of several windows, are counted, not compared.

    Args:
        foreign: The imported model, without the scale of calibration.
        pipeline: The pipeline of scikit-learn.
        found: What was read of it.
        texts: Texts of any kind.

    Raises:
        ConfigError: A label or a probability differs.
    """
    encoded = foreign.pipeline.encode(texts)
    rows = [row for row, each in enumerate(encoded) if not isinstance(each, InputError) and len(each.windows) == 1]
    long = sum(not isinstance(each, InputError) and len(each.windows) > 1 for each in encoded)
    skipped = [
        *([f"{long:,} are longer than a window"] if long else []),
        *([f"{len(texts) - len(rows) - long:,} have no token"] if len(rows) + long < len(texts) else []),
    ]
    if not rows:
        return f"not compared with scikit-learn: of {len(texts):,} texts, {' and '.join(skipped)}"
    compared = [texts[row] for row in rows]
    assert isinstance(foreign.task, Classifier)
    logits = np.stack(foreign.pipeline.pooled_outputs(foreign.pipeline.encode_all(compared)))
    ours = probabilities(logits, foreign.task)  # (texts, labels)
    theirs = _scores(pipeline, found, compared)
    answers = pipeline.predict(compared)
    decided = np.asarray(answers.toarray() if hasattr(answers, "toarray") else answers)
    if ours.shape != theirs.shape or (decided.ndim == 2) != found.form.multi_label:
        raise _differs("its answers have another shape", f"{theirs.shape[-1]} scores for {len(found.labels)} labels")
    difference = np.abs(ours - theirs).max(axis=1)
    if not difference.max() <= LIMIT:
        worst = int(difference.argmax())
        raise _differs("a probability differs", f"{difference[worst]:.3g} for the text: {compared[worst]}")
    given = decide(ours, foreign.task)
    gold = decided.astype(bool) if found.form.multi_label else _indicator(decided, pipeline)
    margin = np.abs(ours - 0.5) if found.form.multi_label else (ours.max(axis=1, keepdims=True) - ours)
    wrong = ((given != gold) & (margin > _TIE)).any(axis=1)
    if wrong.any():
        raise _differs("a label differs", f"for the text: {compared[int(wrong.argmax())]}")
    rest = f"; {' and '.join(skipped)}" if skipped else ""
    return (
        f"compared with scikit-learn on {len(rows):,} texts: the same labels, probabilities differ by at most "
        f"{difference.max():.1e}{rest}"
    )


def _scores(pipeline: Any, found: TextPipeline, texts: Sequence[str]) -> Floats:
    """Return the probabilities of scikit-learn `(texts, labels)`, or what its decision scores give."""
    if found.form.probabilities:
        return np.asarray(pipeline.predict_proba(texts), dtype=np.float64)
    scores = np.asarray(pipeline.decision_function(texts), dtype=np.float64)
    if scores.ndim == 1:
        scores = np.stack([-scores / 2, scores / 2], axis=1)
    if found.form.multi_label:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _indicator(decided: NDArray[Any], pipeline: Any) -> NDArray[np.bool_]:
    return np.asarray(decided[:, np.newaxis] == np.asarray(pipeline.classes_)[np.newaxis])


def _differs(what: str, found: str) -> ConfigError:
    return ConfigError(
        f"the imported pipeline does not answer as scikit-learn does: {what}",
        found=found,
        expected=f"the same labels, and probabilities within {LIMIT:g}",
        hint="Report the settings of your vectorizer and your classifier: this is a limit of the import.",
    )
