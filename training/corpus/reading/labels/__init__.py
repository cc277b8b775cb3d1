"""Cells to labels: their forms, columns and names."""
