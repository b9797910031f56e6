"""A database or store that is away is never an error of the server itself."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import exc
from starlette.requests import Request

from api.http import errors
from core.service.storage.port import StoreError

CAUSE = RuntimeError("secret words of the driver")


@pytest.mark.parametrize(
    "error",
    [
        StoreError("the store does not answer"),
        exc.OperationalError("SELECT 1", {}, CAUSE),
        exc.InterfaceError("SELECT 1", {}, CAUSE),
        exc.InternalError("UPDATE jobs SET name = 'x'", {}, CAUSE),
        exc.TimeoutError("QueuePool limit of size 5 overflow 10 reached"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_it_is_503_with_when_to_try_again(error: Exception) -> None:
    app = FastAPI()
    errors.install(app)

    @app.middleware("http")
    async def with_id(request: Request, call_next):  # type: ignore[no-untyped-def]
        request.state.request_id = "req_1"
        return await call_next(request)

    @app.get("/")
    def fail() -> None:
        raise error

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "SELECT" not in answer.text
    assert "secret" not in answer.text
