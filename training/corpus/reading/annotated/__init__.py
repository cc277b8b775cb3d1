"""Readers of annotation tools' formats: they turn annotations into columns of texts, labels and spans."""
