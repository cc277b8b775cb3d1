"""Reads and cleans corpora and trains text models on them; the result is a checkpoint folder."""
