"""Every table, a module for each group of tables that belong together.

What must never be false is a constraint here, not a habit of the code. No column holds a name, a prompt, a picture or a
sound: those are only in encrypted objects, under `Job.wrapped_key` and `File.wrapped_key`.
"""

from core.service.db.tables import (  # noqa: F401 - `Base.metadata` is complete once this package is imported
    access,
    audit,
    files,
    idempotency,
    jobs,
    keys,
    metrics,
    models,
    opendsr,
    requests,
    webhooks,
)
