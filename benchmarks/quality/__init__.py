"""How good models are: accuracy of tasks and algorithms, batch invariance, explanations."""
