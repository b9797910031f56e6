"""`python -m worker`: a worker, with its settings from `LETHE_*` environment variables."""

from __future__ import annotations

import sys

from core.imports import importing

with importing():
    from core.service.settings import get_settings
    from core.service.telemetry import logs, tracing
    from worker.process import cluster, embedded


def main() -> int:
    """Run the worker and return its exit code."""
    settings = get_settings()
    logs.configure(settings.log_level, settings.log_format)
    try:
        tracing.configure(settings, "lethe-worker")
    except tracing.TracingUnavailableError as error:
        sys.stderr.write(f"lethe: cannot start: {error}\n")
        return 1
    return embedded.serve(settings) if settings.mode == "embedded" else cluster.serve(settings)


if __name__ == "__main__":
    sys.exit(main())
