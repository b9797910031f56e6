"""What loading a registered model is like whatever its family: nothing unsafe is read, and errors name the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.shared.safe_folder import require_safe
from core.unlearning.types import ModelSpec

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@contextmanager
def loading(spec: ModelSpec) -> Iterator[dict[str, str]]:
    """Inside, the model is read with the arguments that this gives: the revision of one that is not a local folder.

    Raises `ModelLoadError` for a folder that may not be read, and in the place of whatever else is raised inside.
    """
    local = Path(spec.source).is_dir()
    if local:
        require_safe(Path(spec.source))
    try:
        yield {} if local or not spec.revision else {"revision": spec.revision}
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(f"model {spec.id!r} cannot be loaded: {_first_line(error)}") from error


def public_source(spec: ModelSpec) -> str:
    """What patches call the base: its hub id, or for a folder, which means nothing elsewhere, the registered id."""
    return spec.id if Path(spec.source).is_dir() else spec.source


def chosen_device(device: str | None) -> str:
    """The device, or the best there is."""
    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def dtype_of(precision: str) -> torch.dtype:
    """The type of weights in a precision that is named. Raises `ModelLoadError`."""
    if precision not in _DTYPES:
        raise ModelLoadError(f"a model of this family has no precision {precision!r}", code="invalid_option")
    return _DTYPES[precision]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no detail'}"
