"""What faults, overload, damage and kills do."""
