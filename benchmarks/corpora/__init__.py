"""How well corpora are checked: faults, label errors, review, learning curves, statistics."""
