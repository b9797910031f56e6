"""What a key may do."""

from __future__ import annotations

SCOPES = (
    "jobs:read",
    "jobs:write",
    "artifacts:read",
    "files:write",
    "webhooks:manage",
    "models:manage",
    "keys:manage",
    "audit:read",
)
