"""Quantiles of cumulative buckets."""

import math


def bucket_quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    """Estimate a quantile from cumulative buckets of (upper bound, count), as `histogram_quantile` does."""
    if math.isnan(q) or not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    merged: dict[float, float] = {}
    for bound, count in buckets:
        merged[bound] = merged.get(bound, 0.0) + count
    bounds = sorted(merged)
    if len(bounds) < 2 or bounds[-1] != math.inf:
        return math.nan
    counts: list[float] = []
    for bound in bounds:
        counts.append(max(merged[bound], counts[-1]) if counts else merged[bound])
    if counts[-1] == 0 or math.isnan(counts[-1]):
        return math.nan
    rank = q * counts[-1]
    found = next((number for number, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if found == len(counts) - 1:
        return bounds[-2]
    if found == 0:
        return bounds[0] if bounds[0] <= 0 else bounds[0] * (rank / counts[0])
    start, before = bounds[found - 1], counts[found - 1]
    return start + (bounds[found] - start) * ((rank - before) / (counts[found] - before))
