"""The ONNX Runtime session and the machine that it runs on."""
