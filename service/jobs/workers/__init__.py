"""The processes that run jobs, and their supervisor in the server."""
