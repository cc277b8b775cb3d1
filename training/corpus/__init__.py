"""Labelled rows to a clean corpus: reading, findings, cleaning, splitting, reports."""
