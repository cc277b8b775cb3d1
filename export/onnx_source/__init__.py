"""Models whose source is an ONNX file that another tool exported: reads, checks, adapts and runs their graphs."""
