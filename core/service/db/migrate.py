"""Upgrades a database to the newest revision.

Alembic is imported only when it is needed: most processes neither migrate a database nor ask for its revision.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import migrations

if TYPE_CHECKING:
    from alembic.config import Config

_ALEMBIC = Lock()
"""Alembic keeps its state in globals."""


def alembic_config(url: str) -> Config:
    """Alembic's configuration for a database."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """Upgrade a database. Several processes may call this at once: one migrates, the others wait for it."""
    from alembic import command

    with _ALEMBIC:
        command.upgrade(alembic_config(url), "head")


def head_revision() -> str:
    """The newest revision that this code knows."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(alembic_config("")).get_current_head()
    if head is None:
        raise RuntimeError("there are no migrations")
    return head
