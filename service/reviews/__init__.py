"""Periods of logged answers, the answers that were drawn from them for review, and the reviews."""
