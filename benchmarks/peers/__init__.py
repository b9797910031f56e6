"""Losses, metrics and cost beside a peer's own implementation."""
