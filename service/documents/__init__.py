"""Reading files of many formats as rows, and writing rows to JSON Lines, CSV and TSV."""
