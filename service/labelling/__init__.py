"""Labelling files: rows in, the same rows with their answers out."""
