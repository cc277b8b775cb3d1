"""Commands for the first steps: help and version."""
