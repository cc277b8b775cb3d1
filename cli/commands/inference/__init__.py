"""Commands that use a model: predict, label, serve."""
