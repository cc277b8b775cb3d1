"""Readers: one module per format, each with a subclass of `Source`."""
