"""The evidence folder of a model: what auditors ask for, with a check that finds every altered byte and figure."""
