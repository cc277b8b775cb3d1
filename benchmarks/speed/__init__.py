"""How fast: against other engines, online, in bulk, at start, in training."""
