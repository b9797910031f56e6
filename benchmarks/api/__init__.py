"""How fast the API is, as ratios to the smallest possible FastAPI application on the same machine in the same run."""
