"""The algorithms, one module each: `ALGORITHM` describes it, its `train` returns a model and an outcome."""
