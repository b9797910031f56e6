"""The requests that jobs serve: their rows, and what changes with their jobs."""
