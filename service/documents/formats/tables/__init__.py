"""Tables: CSV and other delimited text, Parquet, Arrow, and spreadsheets."""
