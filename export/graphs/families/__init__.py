"""Reads the weights of PyTorch encoders: one module per group of families, and their registry."""
