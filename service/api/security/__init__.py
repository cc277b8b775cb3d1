"""Access to the API: host and origin checks, API keys with scopes, rate limits."""
