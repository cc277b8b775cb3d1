"""The monitor of deployed models."""
