"""The closed loop: corpora from reviewed answers, retraining, and the cycle of all its steps."""
