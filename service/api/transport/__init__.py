"""Reading requests and running the server: header limits, JSON bodies, forms, uvicorn."""
