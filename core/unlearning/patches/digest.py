"""The identity of a base model: a sha256 over its tensors, however they are spread over files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import BinaryIO

from core.unlearning.errors import ModelLoadError, UnlearningError
from core.unlearning.patches.tensor_file import TensorEntry, TensorFileError, read_header

_CHUNK = 1 << 20
_NAMES = ("model", "diffusion_pytorch_model")
"""How transformers and diffusers call weight files."""
_PIPELINE = "model_index.json"


class BaseMismatchError(UnlearningError):
    """The patch was made for another base model."""

    code = "base_mismatch"


def base_digest(source: Path | str, *, revision: str | None = None) -> str:
    """`sha256:<hex>` over the name, dtype, shape and bytes of every tensor, in the order of the names.

    A diffusers pipeline's tensors are named after the folder they are in, `unet/…`. `source` is a model directory, or a
    hub id that is already in the local cache. Raises `ModelLoadError` when there are no safetensors weights or they
    cannot be read.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _cached(str(source), revision)
    tensors: dict[str, str] = {}
    for prefix, path in _all_weights(folder):
        for entry, digest in _hash_file(path):
            name = prefix + entry.name
            if name in tensors:
                raise ModelLoadError(f"The base model holds the tensor {name} twice.")
            line = [name, entry.dtype, list(entry.shape), digest]
            tensors[name] = json.dumps(line, separators=(",", ":"))
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


def _all_weights(folder: Path) -> list[tuple[str, Path]]:
    """The files, each with what goes before the names of its tensors. What a safety checker sees is not the base."""
    if not (folder / _PIPELINE).is_file():
        return [("", path) for path in _weight_files(folder)]
    parts = [part for part in sorted(folder.iterdir()) if part.name != "safety_checker" and any(_found(part))]
    if not parts:
        raise ModelLoadError(f"There are no safetensors weights in {folder}.")
    return [(f"{part.name}/", path) for part in parts for path in _weight_files(part)]


def _found(folder: Path) -> list[tuple[Path, Path]]:
    """A whole file and an index, of which one exists at least."""
    pairs = [(folder / f"{name}.safetensors", folder / f"{name}.safetensors.index.json") for name in _NAMES]
    return [pair for pair in pairs if any(path.is_file() for path in pair)]


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers, or diffusers, would load, by its own order of preference."""
    for whole, index in _found(folder):
        if whole.is_file():
            return [whole]
        try:
            names = set(json.loads(index.read_text())["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModelLoadError(f"The weight index {index.name} of the base model cannot be read.") from error
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
