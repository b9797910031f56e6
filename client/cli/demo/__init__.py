"""A real forget request on a real local server, for people with five minutes."""
