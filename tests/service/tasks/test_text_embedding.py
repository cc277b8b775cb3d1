from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity
from task_factory import make_task

from glossator.service.bundle.task import TextEmbedding
from glossator.service.errors import ConfigError
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.options import DecodeOptions
from glossator.service.tasks.text_embedding import Decoder, cosine_similarities


@pytest.mark.parametrize("normalized", [True, False])
def test_windows_are_averaged_by_their_new_tokens(normalized: bool) -> None:
    task = make_task("text-embedding", normalized=normalized)
    assert isinstance(task, TextEmbedding)
    decoder = Decoder(task)
    text = EncodedText(windows=([1], [2]), new_tokens=(3, 1))
    vector = decoder.pool(text, [np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    expected = np.array([0.75, 0.25])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected) if normalized else expected)
    (answer,) = decoder.decode([text], [vector], DecodeOptions())
    assert answer.vector.dtype == np.float32
    with pytest.raises(ConfigError, match="does not apply"):
        decoder.check(DecodeOptions(threshold=0.5))


def test_cosines_equal_scikit_learn() -> None:
    first, second = (np.random.default_rng(seed).normal(size=(4, 8)) for seed in (1, 2))
    np.testing.assert_allclose(cosine_similarities(first, second), cosine_similarity(first, second))
