"""Other programs' ways in, each behind its own optional dependency."""
