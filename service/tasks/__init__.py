"""Logits to predictions, one module per task. No other code turns a logit into a label."""
