"""Analyses built on metrics: comparisons, selection, weak slices, robustness, learning curves, suggestions."""
