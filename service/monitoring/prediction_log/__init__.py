"""The prediction log: what was answered, in segments of JSON lines. docs/monitoring.md documents its fields."""
