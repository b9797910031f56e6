"""Speed of the API, as ratios to a minimal FastAPI application on the same machine in the same run."""
