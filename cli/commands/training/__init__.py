"""Commands that train and evaluate: train, select, curve, evaluate, compare, runs."""
