"""The Hugging Face Inference API, under `/hf/MODEL`."""
