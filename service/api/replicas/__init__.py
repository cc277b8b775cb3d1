"""Several server processes that listen on the same address."""
