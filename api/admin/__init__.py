"""`lethe admin`: what an operator does on the server itself, with its settings and its database."""
