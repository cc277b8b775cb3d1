"""One module an algorithm, all of one shape: `fit(corpus, split, config, output)` writes a checkpoint folder."""
