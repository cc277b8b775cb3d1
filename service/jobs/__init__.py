"""Durable jobs: files that the API labels in the background, kept in a store, done by worker processes."""
