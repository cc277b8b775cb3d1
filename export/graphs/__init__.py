"""Writes the ONNX graphs of a bundle, in fp32 and in int8."""
