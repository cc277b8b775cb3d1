"""Cells of a source to texts, labels, entities and answers: one module per format and per task."""
