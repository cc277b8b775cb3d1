"""Labelled rows to a clean corpus: read, repaired, checked, split, and reported with every fault found."""
