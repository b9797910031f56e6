"""Losses, metrics and cost, compared with another project's implementation."""
