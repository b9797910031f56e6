"""Loaded by schemathesis, which has no notion of what an idempotency key means."""

from __future__ import annotations

from itertools import count
from typing import Any

import schemathesis

_number = count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give every request with a usable `Idempotency-Key` a fresh one: a repeat would be told of what is long gone."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key and 0 < len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}{next(_number)}"
