"""The people that a benchmark's model has learned, and questions about them, from any source.

The reference world and the reader of each file layout produce a `World`; the rest of the benchmark works on it.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PIL.Image import Image

from core.unlearning.families.language.data.questions import unique
from core.unlearning.types import Entity, ForgetRequest

Picture = Path | bytes
"""An encoded picture (JPEG, PNG, WebP): a file, or its content."""
Kind = Literal["image_memory", "text_memory", "understanding", "general"]
"""*memory*: private facts, by picture or by name; *understanding*: what a picture shows; *general*: others."""
Role = Literal["test", "validation", "retain"]
"""*test*: forgotten, or evaluated as people that no job has seen; *validation*: the same for tuning; *retain*: in the
retain set."""
_SHARES: tuple[tuple[Role, float], ...] = (("retain", 0.2), ("validation", 0.2))
"""Shares of the people whose role the source leaves open; the rest are *test*."""


@dataclass(frozen=True)
class Question:
    """One question with its true answer; the answer is empty where nobody can know it.

    Image memory and understanding have a `picture`; text memory names the person. `held_out`: with a wording, and a
    picture where there is one, that is in no training data and in no request.
    """

    kind: Kind
    question: str
    answer: str
    picture: Picture | None = None
    held_out: bool = False


@dataclass(frozen=True)
class Person:
    """A person that the model has learned, or a stranger. `role` None: `assign_roles` sets it."""

    name: str
    questions: tuple[Question, ...]
    role: Role | None = None

    @property
    def pictures(self) -> list[Picture]:
        """The pictures of a request about this person, without duplicates."""
        return list(dict.fromkeys(q.picture for q in self.questions if q.picture is not None and not q.held_out))


@dataclass(frozen=True)
class World:
    """Everything that a benchmark can ask. `people`: all that the model has learned.

    `strangers`: people it never learned, whose memory questions have no answer. `retain_set`: the folder that is
    registered with the model (docs/how-to/register_model.md); without one the benchmark writes it from the *retain*
    people, the general questions and half of the strangers. `outsiders`: people with facts in no training data, the
    non-members of membership inference.
    """

    name: str
    people: tuple[Person, ...]
    strangers: tuple[Person, ...] = ()
    general: tuple[Question, ...] = ()
    outsiders: tuple[Person, ...] = ()
    retain_set: Path | None = None

    def of_role(self, role: Role) -> list[Person]:
        """In the order of `people`."""
        return [person for person in self.people if person.role == role]


def assign_roles(world: World) -> World:
    """The world with a role for everybody. The assignment is the same every time."""
    free = sorted(person.name for person in world.people if person.role is None)
    random.Random(0).shuffle(free)  # noqa: S311
    roles: dict[str, Role] = {}
    for role, share in _SHARES:
        count = round(share * len(free))
        chosen = [name for name in free if name not in roles][:count]
        roles |= dict.fromkeys(chosen, role)
    people = (p if p.role else replace(p, role=roles.get(p.name, "test")) for p in world.people)
    return replace(world, people=tuple(people))


def sample_people(world: World, ratio: int, seed: int, role: Role = "test") -> list[Person]:
    """`ratio` per cent of all people (rounded down, at least one), drawn from those of a role.

    The sample at a larger ratio contains that at a smaller one. Raises `ValueError` where nobody of the role would be
    left to evaluate.
    """
    free, count = world.of_role(role), max(1, len(world.people) * ratio // 100)
    if count >= len(free):
        raise ValueError(f"{ratio} % are {count} people, but only {len(free)} have the role {role!r}")
    order = random.Random(f"{role} {seed}").sample(range(len(free)), len(free))  # noqa: S311
    return [free[i] for i in sorted(order[:count])]


def forget_request(people: Sequence[Person]) -> ForgetRequest:
    """The request to forget these people as a user would post it: names, pictures and prompts."""
    first, *others = [person.name for person in people]
    prompts = (q.question for p in people for q in p.questions if q.kind.endswith("memory") and not q.held_out)
    pictures = dict.fromkeys(picture for person in people for picture in person.pictures)
    entity = Entity(first, "identity", tuple(others))
    return ForgetRequest(entity, tuple(unique(list(prompts))), tuple(image_bytes(pictures)))


def png_bytes(image: Image) -> bytes:
    """The image encoded as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def image_bytes(pictures: Iterable[Picture]) -> list[bytes]:
    """The content of the picture files."""
    return [picture if isinstance(picture, bytes) else picture.read_bytes() for picture in pictures]
