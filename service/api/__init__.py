"""The HTTP server: an app factory, its settings, its routes and the server that runs it.

Nothing is loaded or bound at import: `glossator.service.api.app.create_app` makes the app and
`glossator.service.api.transport.server.serve` runs it.
"""
