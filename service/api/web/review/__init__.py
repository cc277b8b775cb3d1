"""The review queues."""
