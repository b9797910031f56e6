"""HTTP requests with authentication, retries and the exceptions of the SDK."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from client.errors import APIConnectionError, APIError, APITimeoutError, BadResponseError, from_problem
from client.retry import RetryPolicy
from core.version import VERSION

_SAFE = frozenset({"GET", "HEAD", "DELETE"})


class Transport:
    """One connection pool to one server. `sleep` waits between two attempts."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        timeout: float,
        retry: RetryPolicy,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url
        self.retry = retry
        self.sleep = sleep
        headers = {"User-Agent": _user_agent()} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self.http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, transport=transport)

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def request(self, method: str, path: str, *, idempotency_key: str | None = None, **kwargs: Any) -> httpx.Response:
        """One request with its retries. A POST is repeated only with an idempotency key, or if it was never received.

        `kwargs` are those of httpx. Answers below 400 are returned; all others are raised as a `LetheError`.
        """
        headers = dict(kwargs.pop("headers", None) or {})
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        # Built once: every attempt sends the same bytes, multipart boundary included.
        request = self.http.build_request(method, path, headers=headers, **kwargs)
        repeatable = method in _SAFE or idempotency_key is not None
        attempt = 0
        while True:
            answer, retry_headers = self._try(request)
            if isinstance(answer, httpx.Response):
                return answer
            if not self._should_retry(answer, attempt, repeatable):
                raise answer
            self.sleep(self.retry.delay(attempt, retry_headers))
            attempt += 1

    def json(self, method: str, path: str, **kwargs: Any) -> Any:
        """The JSON body of the answer to `request`."""
        return decode(self.request(method, path, **kwargs))

    @contextmanager
    def stream(self, path: str, **kwargs: Any) -> Iterator[httpx.Response]:
        """A GET whose body is streamed. Redirects are followed; the key is not sent to another host."""
        try:
            with self.http.stream("GET", path, follow_redirects=True, **kwargs) as response:
                if response.status_code >= 400:
                    response.read()
                    raise as_error(response)
                yield response
        except httpx.TransportError as error:
            raise self.connection_error(error) from error

    def connection_error(self, error: httpx.TransportError) -> APIConnectionError:
        """A transport error as an exception of the SDK."""
        if isinstance(error, httpx.TimeoutException):
            return APITimeoutError(f"the server at {self.base_url} did not answer in time")
        if isinstance(error, httpx.ConnectError):
            return APIConnectionError(
                f"no server answers at {self.base_url}: start one with `lethe serve`, or set LETHE_URL"
            )
        return APIConnectionError(f"the connection to {self.base_url} broke")

    def _try(self, request: httpx.Request) -> tuple[httpx.Response | APIError | APIConnectionError, Mapping[str, str]]:
        try:
            response = self.http.send(request)
        except httpx.TransportError as error:
            failure = self.connection_error(error)
            failure.__cause__ = error
            return failure, {}
        return (response if response.status_code < 400 else as_error(response)), response.headers

    def _should_retry(self, error: APIError | APIConnectionError, attempt: int, repeatable: bool) -> bool:
        if isinstance(error, APIError):
            return self.retry.retries(attempt, error.status, error.code) and (repeatable or error.status in {429, 503})
        unsent = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
        return attempt < self.retry.max_retries and (repeatable or unsent)


def as_error(response: httpx.Response) -> APIError:
    """The exception for an answer of status 400 or above whose body has been read."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    fallback = response.headers.get("x-request-id")
    return from_problem(response.status_code, problem if isinstance(problem, dict) else {}, fallback)


def decode(response: httpx.Response) -> Any:
    """The body as JSON. Raises `BadResponseError`."""
    try:
        return response.json()
    except ValueError:
        raise BadResponseError(f"{response.url.copy_with(query=None)} does not answer like a Lethe server") from None


def _user_agent() -> str:
    return f"lethe/{VERSION} python/{platform.python_version()}"
