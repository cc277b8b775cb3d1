"""OpenAI's embeddings, files and batches, under `/v1`."""
