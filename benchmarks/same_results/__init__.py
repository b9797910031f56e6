"""Whether a change of the code left every result as it was: small seeded jobs of every family and method."""
