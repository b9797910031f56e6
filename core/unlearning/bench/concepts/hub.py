"""Target names like those of HUB (Moon et al., ICCV 2025), for real checkpoints: people, characters, painters, objects.

`python -m core.unlearning.bench.concepts.hub` writes the list that comes with the package.
"""

from __future__ import annotations

import json
from pathlib import Path

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.concepts import NAME
from core.unlearning.types import EntityKind, Part

FOLDER = Path(__file__).parent / "data" / "hub"
_PARTS: tuple[Part, ...] = ("train", "validation", "test")
_NAMES: dict[EntityKind, tuple[str, ...]] = {
    "identity": (
        "Angelina Jolie", "Ariana Grande", "Brad Pitt", "David Beckham", "Elon Musk", "Emma Watson", "Lady Gaga",
        "Leonardo DiCaprio", "Taylor Swift", "Tom Cruise", "Buzz Lightyear", "Homer Simpson", "Luigi", "Mario",
        "Mickey Mouse", "Pikachu", "Snoopy", "Sonic", "SpongeBob", "Stitch",
    ),
    "object": (
        "airplane", "apple", "banana", "bicycle", "cat", "church", "dog", "horse", "parachute", "sunflower",
    ),
    "style": (
        "Andy Warhol", "Auguste Renoir", "Claude Monet", "Edouard Manet", "Frida Kahlo", "Roy Lichtenstein",
        "Paul Cezanne", "Pablo Picasso", "Piet Mondrian", "Vincent van Gogh",
    ),
}  # fmt: skip


def write(folder: Path = FOLDER) -> None:
    """Write one line for each concept in the form of a retain set, with prompts by part."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"name": name, "kind": kind, "prompts": {part: wordings.prompts(kind, name, part) for part in _PARTS}}
        for kind, names in _NAMES.items()
        for name in names
    ]
    (folder / NAME).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    write()
