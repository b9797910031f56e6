"""The public keys of patches and certificates."""

from __future__ import annotations

from typing import Any, cast

from fastapi import APIRouter, Request, Response

from api.deps import ServicesDep
from core.service.signing_keys import publish, published
from core.unlearning.patches.signing import Signer, jwks

router = APIRouter(tags=["trust"])


@router.get("/.well-known/lethe-keys.json")
def signing_keys(request: Request, response: Response, services: ServicesDep) -> dict[str, Any]:
    """A JWK set (RFC 7517, RFC 8037) with the present key and every earlier one. Needs no key of its own."""
    signer = cast(Signer, request.app.state.signer)
    with services.db.read() as session:
        keys = published(session)
    if signer.key_id not in keys:
        with services.db.write() as session:
            publish(session, signer.key_id, signer.public_key)
    response.headers["Cache-Control"] = "public, max-age=300"
    return jwks({signer.key_id: signer.public_key, **keys}.values())
