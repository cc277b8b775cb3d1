"""Durable jobs: files that the API labels in the background. A store keeps them, worker processes run them."""
