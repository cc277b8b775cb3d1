"""Workflows on labelled files: open, read, check, clean and split a corpus."""
