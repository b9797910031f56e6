"""`python -m api`: the embedded server, with its database, key, reference models and worker, in one command."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from core.imports import importing

with importing():
    import structlog
    import uvicorn

    from api.server.bootstrap import prepare
    from api.server.folder_lock import holding
    from api.server.serving import uvicorn_config
    from api.server.worker_child import WorkerChild
    from core.service.context import Services
    from core.service.errors import ServiceError
    from core.service.settings import Settings
    from core.service.telemetry import logs, tracing
    from core.service.telemetry.tracing import TracingUnavailableError


def main() -> int:
    """Serve until a signal comes. One line of JSON with the URL goes to standard output when requests are answered."""
    arguments = _parse()
    settings = _settings(arguments)
    logs.configure(settings.log_level, settings.log_format)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        tracing.configure(settings, "lethe-api")
        listener = listen(settings)
        sole = holding(settings.data_dir) if arguments.worker else nullcontext()
        with sole, Services.open(settings) as services:
            prepare(services)
            _serve(settings, services, listener, with_worker=arguments.worker)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        return _fail(error.strerror or type(error).__name__)
    except TracingUnavailableError as error:
        return _fail(str(error))
    except ServiceError as error:
        return _fail(error.detail)
    return 0


def _fail(reason: str) -> int:
    sys.stderr.write(f"lethe: cannot start: {reason}\n")
    return 1


def _serve(settings: Settings, services: Services, listener: socket.socket, *, with_worker: bool) -> None:
    child = WorkerChild(services) if with_worker else None
    if child is not None:
        child.start()
    try:
        _Server(uvicorn_config(settings), _url(listener)).run(sockets=[listener])
    finally:
        if child is not None:
            child.stop()


class _Server(uvicorn.Server):
    """Prints its URL on standard output once it answers requests."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own."""
        await super().startup(sockets=sockets)
        if self.started:
            sys.stdout.write(json.dumps({"event": "ready", "url": self._url, "pid": os.getpid()}) + "\n")
            sys.stdout.flush()
            structlog.get_logger("api").info("ready", url=self._url)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve Lethe on this machine.")
    parser.add_argument("--host", help="address to listen on (LETHE_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any (LETHE_PORT)")
    parser.add_argument("--data-dir", type=Path, help="folder for database, files and keys (LETHE_DATA_DIR)")
    parser.add_argument(
        "--no-worker", dest="worker", action="store_false", default=os.environ.get("LETHE_WORKER") != "none",
        help="serve without a worker child (LETHE_WORKER=none)",
    )  # fmt: skip
    return parser.parse_args()


def _settings(arguments: argparse.Namespace) -> Settings:
    options: dict[str, Any] = {name: getattr(arguments, name) for name in ("host", "port", "data_dir")}
    settings = Settings(**{name: value for name, value in options.items() if value is not None})
    return settings.model_copy(update={"data_dir": settings.data_dir.absolute()})


def listen(settings: Settings) -> socket.socket:
    """A listening socket on the address of the settings. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=512)
    # Connections inherit it. asyncio sets it only for sockets that it opens itself; without it, the body of each answer
    # would wait until the client has acknowledged its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what to show for "all addresses"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
