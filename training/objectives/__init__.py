"""What is learnt, one module a kind of task: examples and their targets, the loss, the validation metric."""
