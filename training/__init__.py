"""Wrangles corpora and fine-tunes text models; what it makes is a checkpoint folder."""
