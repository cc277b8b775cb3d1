"""Answers as fields, columns, HTML and short texts."""
