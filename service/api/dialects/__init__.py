"""What clients of other servers speak: one module a dialect, each with its own shapes and errors."""
