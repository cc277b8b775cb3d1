"""Web pages to try the models. They load scripts and styles only from this server."""
