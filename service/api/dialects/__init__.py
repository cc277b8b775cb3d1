"""Routes in the shapes that clients of other servers speak, one module a dialect. Each keeps its dialect's errors."""
