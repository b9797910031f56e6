"""Webhooks: send changes of jobs to other systems, without anything about the subject."""
