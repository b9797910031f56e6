"""A folder as a message broker, for an installation without Redis: kombu's filesystem transport, made atomic."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

TRANSPORT = f"{__name__}:Transport"


class Channel(filesystem.Channel):
    """Messages appear whole and are taken once.

    kombu's own `_put` lets a reader see a file that is still empty, and its `_get` moves through the system's temporary
    folder, which may be another file system.
    """

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}"
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload), encoding="utf-8")
        os.replace(draft, folder / f"{name}.{queue}.msg")

    def _get(self, queue: str) -> Any:  # type: ignore[override]
        for path in sorted(Path(self.data_folder_in).glob("*.msg")):
            if path.name.partition(".")[2] == f"{queue}.msg" and (payload := self._take(path)) is not None:
                return loads(payload)
        raise Empty

    def _take(self, message: Path) -> str | None:
        mine = Path(self.processed_folder) / message.name
        try:
            os.rename(message, mine)
        except FileNotFoundError:
            return None
        payload = mine.read_text(encoding="utf-8")
        mine.unlink()
        return payload


class Transport(filesystem.Transport):
    """Used as `broker_transport`."""

    Channel = Channel


def folder_options(folder: Path) -> dict[str, Any]:
    """Creates the folders that the transport needs, readable by nobody else, and says where they are."""
    places = {name: folder / name for name in ("messages", "taken", "control")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "data_folder_in": str(places["messages"]),
        "data_folder_out": str(places["messages"]),
        "processed_folder": str(places["taken"]),
        "control_folder": str(places["control"]),
        "polling_interval": 0.2,
    }
