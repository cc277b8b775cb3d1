"""Metrics of every task, computed from the answers of the decoder that serves, each with an interval."""
