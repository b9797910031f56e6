"""The public keys of patches and certificates."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from api.deps import ServicesDep
from core.service.signing_keys import published, withdrawn
from core.unlearning.patches.signing import jwks

router = APIRouter(tags=["trust"])


@router.get("/.well-known/lethe-keys.json")
def signing_keys(response: Response, services: ServicesDep) -> dict[str, Any]:
    """A JWK set (RFC 7517, RFC 8037) with the workers' key and every earlier one, and in `withdrawn` the ids of those
    that verify no more. Needs no key of its own.
    """
    with services.db.read() as session:
        keys, ended = published(session), withdrawn(session)
    response.headers["Cache-Control"] = "public, max-age=300"
    return {
        **jwks(keys.values()),
        "withdrawn": [{"kid": key_id, "withdrawn_at": at.isoformat()} for key_id, at in ended.items()],
    }
