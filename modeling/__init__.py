"""What training, export and evaluation share: architectures, checkpoints, labelled rows, models in PyTorch."""
