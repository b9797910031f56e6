"""Webhooks: telling other systems what became of a job, without ever naming its subject."""
