"""Benchmarks: `python -m benchmarks.GROUP.NAME`. README.md lists each claim with its script and result."""
