"""How fast rows are learned, beside the plain way."""
