"""Text to answers: encoding, windows, planning, the ONNX Runtime session, and the pipeline over them."""
