"""CoNLL: one token per line with its tags, sentences separated by blank lines."""
