"""The limit of the processor's matrix products."""

from __future__ import annotations

from glossator.service.measuring.matmul_limit import BATCH_TOKENS, MatmulLimit, measure_limit


def test_a_limit_counts_two_operations_per_weight() -> None:
    limit = measure_limit([(32, 32), (32, 64), (32, 64)], precision="int8", workers=1, seconds=0.05)
    assert limit is not None
    assert limit.operations_per_token == 2 * (32 * 32 + 2 * 32 * 64)
    assert 0 < limit.tokens_per_second == limit.operations_per_second / limit.operations_per_token
    assert MatmulLimit(10, 1000.0).tokens_per_second == 100.0


def test_a_model_without_matrix_products_has_no_limit() -> None:
    assert measure_limit([], precision="fp32", workers=1) is None


def test_a_larger_product_takes_longer() -> None:
    small, large = (
        measure_limit([shape], precision="fp32", workers=1, seconds=0.2) for shape in ((64, 64), (512, 512))
    )
    assert small is not None
    assert large is not None
    assert small.tokens_per_second > 4 * large.tokens_per_second
    assert BATCH_TOKENS / large.tokens_per_second > 1e-5
