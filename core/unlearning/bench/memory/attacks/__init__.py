"""Whether what was forgotten stays so when a model is pressed, compressed, taught again or read from inside."""
