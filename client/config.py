"""Where the server is, and with which key: arguments, environment, files of a local server."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_DATA_DIR = Path("lethe-data")


def base_url(argument: str | None = None) -> str:
    """The argument if there is one, else `LETHE_URL`, else the local default; without a trailing slash."""
    return (argument or os.environ.get("LETHE_URL") or DEFAULT_URL).rstrip("/")


def data_dir(argument: Path | None = None) -> Path:
    """The data folder of a local server: the argument if there is one, else `LETHE_DATA_DIR`, else `./lethe-data`."""
    return argument or Path(os.environ.get("LETHE_DATA_DIR") or DEFAULT_DATA_DIR)


def api_key(argument: str | None = None, directory: Path | None = None, url: str | None = None) -> str | None:
    """The argument if there is one, else `LETHE_API_KEY`, else the key that a local server left in its data folder.

    That last key is never offered to another machine unless `directory` was named.
    """
    key = argument or os.environ.get("LETHE_API_KEY")
    if key:
        return key.strip()
    if directory is None and not _is_local(base_url(url)):
        return None
    try:
        return (data_dir(directory) / "api-key").read_text().strip() or None
    except OSError:
        return None


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
