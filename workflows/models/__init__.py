"""Workflows on models: train, select, evaluate, compare, export, measure and serve."""
