"""Requests of data subjects: what a person asked for, apart from the jobs that serve it."""
