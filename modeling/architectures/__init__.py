"""Architectures that transformers lacks. Each saves, loads and computes like a transformers classifier."""
