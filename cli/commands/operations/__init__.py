"""Commands for operators: work, doctor, keys; and the demo."""
