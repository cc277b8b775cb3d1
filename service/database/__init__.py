"""The databases of stores: SQLite or PostgreSQL."""
