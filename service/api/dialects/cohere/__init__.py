"""Cohere's rerank, embed and classify, versions 1 and 2, under `/cohere`."""
