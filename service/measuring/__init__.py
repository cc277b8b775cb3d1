"""Measures how fast a bundle is on this machine, and how fast it could be."""
