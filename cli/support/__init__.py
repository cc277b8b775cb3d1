"""What commands share: options, console, progress, help by panels, errors as exit codes."""
