"""Turns a checkpoint folder into a self-verifying ONNX bundle."""
