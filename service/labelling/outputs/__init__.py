"""Formats that labelled rows are written in beside JSON lines, CSV and TSV: one module a format."""
