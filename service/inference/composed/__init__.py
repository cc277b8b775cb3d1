"""Answers composed of several predictions: explanations, reranking, sentences, zero-shot."""
