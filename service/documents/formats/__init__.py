"""Readers: one module per format, each with a kind of `Source`."""
