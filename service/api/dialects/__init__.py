"""The APIs of other servers, for their existing clients: one module per dialect, with its own shapes and errors."""
