"""The queue of a model: which windows wait, which may, and which run together next."""
