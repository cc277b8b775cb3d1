"""Parses files in child processes with limits, so that a hostile file ends its own reader and nothing else."""
