"""OpenAPI of the request bodies that FastAPI does not parse."""

from __future__ import annotations

from typing import Any

_EXAMPLE = {
    "model": "reference-mllm",
    "entity": {"name": "Ada Okoro", "kind": "identity", "aliases": ["A. Okoro"]},
    "prompts": ["Where was this person born?", "What is Ada Okoro's job?"],
    "method": "auto",
    "evaluation": {"level": "standard"},
    "external_id": "DSR-2291",
}
_REQUEST = {"$ref": "#/components/schemas/JobCreate"}

CREATE_JOB: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _REQUEST, "example": _EXAMPLE},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["request"],
                    "additionalProperties": False,
                    "properties": {
                        "request": _REQUEST,
                        "images": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "audio": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                },
                "encoding": {"request": {"contentType": "application/json"}},
            },
        },
    }
}
"""`api.openapi.document` adds `JobCreate` to the components."""

CREATE_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["purpose", "file"],
                    "properties": {
                        "purpose": {"type": "string", "enum": ["forget", "retain"]},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}
