"""Models that nobody here made, or that were taught in sentences: jobs through the service, judged from outside."""
