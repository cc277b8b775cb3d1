"""From the body of a request to a bounded answer of a model: queueing, deadlines, encoding of large answers."""
