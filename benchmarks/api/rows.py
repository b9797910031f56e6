"""Writes and updates many jobs by SQL."""

from __future__ import annotations

from sqlalchemy import create_engine, text

FILL = """
INSERT INTO jobs (id, tenant_id, created_by, version, status, model, method, plan, metadata, created_at, expires_at,
  attempt, max_attempts, lost_attempts, queued_at, ring_at, rings, lease_token, step, fraction, event_seq, input_images,
  finished_at, cleaned_at, inputs_erased_at)
SELECT 'job_' || lpad(n::text, 26, '0'), :tenant, 'key_bench', 1, 'cancelled', 'reference-mllm', 'smfa',
  '{"method": "smfa", "options": {"rank": 8, "steps": 120}, "level": "standard"}', '{"ticket": "2291"}',
  now() - (CAST(:number AS integer) - n) * interval '1 second', now() + interval '90 days',
  1, 3, 0, now(), now(), 0, 1, 0, 0, 2, 0,
  now(), now(), now()
FROM generate_series(CAST(:first AS integer), CAST(:number AS integer)) AS n
ON CONFLICT DO NOTHING
"""


def fill(database: str, number: int, first: int = 1, tenant: str = "default") -> list[str]:
    """Insert ended jobs from the `first` to the `number`-th. Returns some of their ids."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(FILL), {"number": number, "first": first, "tenant": tenant})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE jobs"))
    engine.dispose()
    return [f"job_{n:026}" for n in range(first, number + 1, max(1, (number - first) // 100))]


def cancel_queued(database: str) -> None:
    """Cancel every queued job, so that workers have nothing to do."""
    engine = create_engine(database)
    with engine.begin() as connection:
        ended = "status = 'cancelled', finished_at = now(), cleaned_at = now()"
        connection.execute(text(f"UPDATE jobs SET {ended} WHERE status = 'queued'"))
    engine.dispose()
