"""What a folder with a model may hold. Pickle runs code when it is read, so there must be none for any library to find.

Free of torch: the API asks this when a model is registered, a worker again before it loads one.
"""

from __future__ import annotations

import json
from pathlib import Path

from core.unlearning.errors import ModelLoadError

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill")
"""What is in these is unpickled by the libraries that read them."""
_OWN = {
    "config.json": ("model_type", "lethe-audiovisual"),
    "processor_config.json": ("processor_class", "AudioVisualProcessor"),
}
"""What a config says of a class that Lethe itself has: the copy of its code in the folder is for others."""
_ADAPTER = "adapter_config.json"
_CONFIGS = ("config.json", "processor_config.json", "preprocessor_config.json", "tokenizer_config.json")


def require_safe(folder: Path) -> None:
    """Raises `ModelLoadError`, in one line, for a folder that holds more than safetensors and text.

    An adapter beside the weights is refused too: transformers would load it unasked, from wherever it says its base is.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in PICKLES:
            raise _refused(f"{name} is a pickle: convert it to safetensors and remove it")
        if path.name == _ADAPTER:
            raise _refused(f"{name} makes it an adapter: register the model with the adapter merged into it")
    if not any(folder.rglob("*.safetensors")):
        raise _refused("it holds no safetensors")
    for name in _CONFIGS:
        config = _read(folder / name) if (folder / name).is_file() else {}
        key, own = _OWN.get(name, ("", None))
        if "auto_map" in config and not (own and config.get(key) == own):
            raise _refused(f"{name} asks for code of its own (auto_map), and only the library's own code is run")


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise _refused(f"{path.name} cannot be read") from None
    return found if isinstance(found, dict) else {}


def _refused(why: str) -> ModelLoadError:
    return ModelLoadError(f"the folder cannot be a model's: {why}", code="unsafe_checkpoint")
