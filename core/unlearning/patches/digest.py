"""The identity of a base model: a sha256 over its tensors, however they are spread over files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import BinaryIO

from core.unlearning.errors import ModelLoadError, UnlearningError
from core.unlearning.patches.tensor_file import TensorEntry, TensorFileError, read_header

_CHUNK = 1 << 20
_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


class BaseMismatchError(UnlearningError):
    """The patch was made for another base model."""

    code = "base_mismatch"


def base_digest(source: Path | str, *, revision: str | None = None) -> str:
    """`sha256:<hex>` over the name, dtype, shape and bytes of every tensor, in the order of the names.

    `source` is a model directory, or a hub id that is already in the local cache. Raises `ModelLoadError` when there
    are no safetensors weights or they cannot be read.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _cached(str(source), revision)
    tensors: dict[str, str] = {}
    for path in _weight_files(folder):
        for entry, digest in _hash_file(path):
            if entry.name in tensors:
                raise ModelLoadError(f"The base model holds the tensor {entry.name} twice.")
            line = [entry.name, entry.dtype, list(entry.shape), digest]
            tensors[entry.name] = json.dumps(line, separators=(",", ":"))
    whole = hashlib.sha256("\n".join(tensors[name] for name in sorted(tensors)).encode())
    return f"sha256:{whole.hexdigest()}"


def require_base(expected: str, source: Path | str, *, revision: str | None = None) -> None:
    """Raise `BaseMismatchError` unless `source` is the base that the patch was made for."""
    actual = base_digest(source, revision=revision)
    if actual != expected:
        raise BaseMismatchError(mismatch(expected, actual, source))


def mismatch(expected: str, actual: str, source: Path | str) -> str:
    """The sentence that refuses a patch for another base."""
    return (
        f"This patch was made for base {short(expected)}, the model in {source} is {short(actual)}: "
        "get the patch for that model."
    )


def short(digest: str) -> str:
    """Enough of a digest for a person to compare."""
    return digest[: len("sha256:") + 16]


def _cached(repository: str, revision: str | None) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise ModelLoadError(f"There is no model directory {repository}.") from error
    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ModelLoadError(f"There is no model {repository}, neither as a directory nor in the hub cache.") from error


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers would load, by its own order of preference."""
    if (folder / _SINGLE).is_file():
        return [folder / _SINGLE]
    if (folder / _INDEX).is_file():
        try:
            names = set(json.loads((folder / _INDEX).read_text())["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModelLoadError(f"The weight index {_INDEX} of the base model cannot be read.") from error
        return sorted(folder / name for name in names)
    raise ModelLoadError(f"There are no safetensors weights in {folder}.")


def _hash_file(path: Path) -> list[tuple[TensorEntry, str]]:
    try:
        with path.open("rb") as stream:
            entries = read_header(stream, path.stat().st_size)
            return [(entry, _hash_next(stream, entry.nbytes)) for entry in entries]
    except (OSError, TensorFileError) as error:
        raise ModelLoadError(f"The weight file {path.name} of the base model cannot be read.") from error


def _hash_next(stream: BinaryIO, count: int) -> str:
    digest = hashlib.sha256()
    while count:
        chunk = stream.read(min(count, _CHUNK))
        if not chunk:
            raise TensorFileError("the file is cut short")
        digest.update(chunk)
        count -= len(chunk)
    return digest.hexdigest()
