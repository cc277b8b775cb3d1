"""The job store: its tables, its transactions, and which job is claimed next."""
