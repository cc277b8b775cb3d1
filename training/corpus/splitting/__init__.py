"""Splits a corpus into training, validation and test rows."""
