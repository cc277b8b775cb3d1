"""Formats of labelled rows besides JSON Lines, CSV and TSV: Parquet and the formats of other tools."""
