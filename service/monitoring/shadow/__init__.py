"""Shadows: another version of a model also answers a share of the logged texts, for the log alone."""
