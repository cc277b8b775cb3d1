"""Text to answers: the pipeline of encoding, batching, running the graph and decoding; the `Model` around it."""
