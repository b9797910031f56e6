"""The people that a benchmark's model has learned, and what can be asked about them, wherever they come from.

A producer (the reference world, a reader of some layout of files) makes a `World`; everything else starts from there.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.unlearning.families.mllm.data.questions import unique
from core.unlearning.types import Entity, ForgetRequest

Picture = Path | bytes
"""An encoded picture (JPEG, PNG, WebP): a file, or what would be in one."""
Kind = Literal["image_memory", "text_memory", "understanding", "general"]
"""*memory*: private, asked with a picture or by name; *understanding*: what a picture shows; *general*: the rest."""
Role = Literal["test", "validation", "retain"]
"""*test*: forgotten, or measured as people that no job has seen; *validation*: the same where options are chosen;
*retain*: in the model's retain set."""
_SHARES: tuple[tuple[Role, float], ...] = (("retain", 0.2), ("validation", 0.2))
"""Of the people whose role a producer leaves open; the rest are *test*."""


@dataclass(frozen=True)
class Question:
    """One question with its true answer; an empty answer is that of a question which nobody can answer.

    Image memory and understanding have a `picture`; text memory names the person. `held_out`: a wording, and a
    rendering where there is a picture, that nothing trains on and no request shows.
    """

    kind: Kind
    question: str
    answer: str
    picture: Picture | None = None
    held_out: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody the model has learned, or a stranger. `role` None: the benchmark deals it."""

    name: str
    questions: tuple[Question, ...]
    role: Role | None = None

    def asked(self, kind: Kind, *, held_out: bool) -> list[Question]:
        """The questions of one kind."""
        return [q for q in self.questions if q.kind == kind and q.held_out == held_out]

    @property
    def pictures(self) -> list[Picture]:
        """What a request about this person brings, each once."""
        return list(dict.fromkeys(q.picture for q in self.questions if q.picture is not None and not q.held_out))


@dataclass(frozen=True)
class World:
    """Everything that a benchmark asks. `name` goes into results; `people` are all that the model has learned.

    `strangers`: people it never learned, whose memory questions have no answer. `retain_set`: the folder that is
    registered with the model (docs/how-to/register_model.md); without one the benchmark writes it from the *retain*
    people, the general questions and half of the strangers. `outsiders`: facts that no model was
    told, where some are known: the non-members of membership attacks.
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


def dealt(world: World) -> World:
    """The world with a role for everybody. Roles left open are dealt always in the same way."""
    free = sorted(person.name for person in world.people if person.role is None)
    random.Random(0).shuffle(free)  # noqa: S311
    roles: dict[str, Role] = {}
    for role, share in _SHARES:
        count = round(share * len(free))
        taken = [name for name in free if name not in roles][:count]
        roles |= dict.fromkeys(taken, role)
    people = (p if p.role else replace(p, role=roles.get(p.name, "test")) for p in world.people)
    return replace(world, people=tuple(people))


def drawn(world: World, ratio: int, seed: int, role: Role = "test") -> list[Person]:
    """`ratio` per cent of all people (rounded down, at least one), drawn from those of a role.

    What a seed draws at a larger ratio holds what it draws at a smaller one. Raises `ValueError` where too few are
    left to draw from: somebody must stay to be measured.
    """
    free, count = world.of_role(role), max(1, len(world.people) * ratio // 100)
    if count >= len(free):
        raise ValueError(f"{ratio} % are {count} people, but only {len(free)} have the role {role!r}")
    order = random.Random(f"{role} {seed}").sample(range(len(free)), len(free))  # noqa: S311
    return [free[i] for i in sorted(order[:count])]


def request_of(people: Sequence[Person]) -> ForgetRequest:
    """The request that asks to forget these people, as somebody would post it: names, pictures and prompts."""
    first, *others = [person.name for person in people]
    asked = (q.question for p in people for q in p.questions if q.kind.endswith("memory") and not q.held_out)
    pictures = dict.fromkeys(picture for person in people for picture in person.pictures)
    entity = Entity(first, "identity", tuple(others))
    return ForgetRequest(entity, tuple(unique(list(asked))), tuple(encoded(pictures)))


def encoded(pictures: Iterable[Picture]) -> list[bytes]:
    """The files' content."""
    return [picture if isinstance(picture, bytes) else picture.read_bytes() for picture in pictures]
