"""Logits to predictions: one module a task, and the only place where a logit becomes a label."""
