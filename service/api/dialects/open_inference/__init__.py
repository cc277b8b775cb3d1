"""The Open Inference Protocol, V2 (`/v2`) with Triton's extensions, and V1 (`/v1/models/MODEL:predict`)."""
