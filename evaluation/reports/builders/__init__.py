"""Builds the report of each command from its results: numbers, verdict, sections, and what to do next."""
