"""The API of text-embeddings-inference (TEI), under `/tei/MODEL`."""
