"""Heads: linear layers on the vectors of one backbone."""
