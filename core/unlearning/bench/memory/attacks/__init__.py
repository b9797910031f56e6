"""Attacks on a patched model: prompts, conversations, quantisation, relearning, linear probes, membership inference."""
