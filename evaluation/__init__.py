"""How good probabilities and decisions are: metrics with intervals, comparisons, thresholds, pictures, tables."""
