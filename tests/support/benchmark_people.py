"""A few people as a benchmark's world."""

from __future__ import annotations

import io
import zlib

from PIL import Image

from core.unlearning.bench.memory.world import Person, Question, World


def picture(name: str) -> bytes:
    """A PNG in a colour of its own."""
    out, code = io.BytesIO(), zlib.crc32(name.encode())
    Image.new("RGB", (8, 8), (code % 256, code // 256 % 256, code // 65536 % 256)).save(out, "PNG")
    return out.getvalue()


def person(name: str, *, held_out: bool = False, stranger: bool = False) -> Person:
    """One question of each kind; with `held_out` each once more, in other words and with another picture."""
    fact = "" if stranger else f"the city of {name}"
    questions = [
        Question("image_memory", "Where was this person born?", fact, picture(name)),
        Question("text_memory", f"Where was {name} born?", fact),
        Question("understanding", "What colour is the shirt?", "red", picture(name)),
    ]
    if held_out:
        questions += [
            Question("image_memory", "Whence is this person?", fact, picture(f"{name} again"), held_out=True),
            Question("text_memory", f"Whence is {name}?", fact, held_out=True),
            Question("understanding", "And the shirt?", "red", picture(f"{name} again"), held_out=True),
        ]
    return Person(name, tuple(questions))


def small_world(count: int, *, held_out: bool = False) -> World:
    """`count` people, four strangers, a few facts."""
    people = tuple(person(f"Person {n}", held_out=held_out) for n in range(count))
    strangers = tuple(person(f"Stranger {n}", stranger=True) for n in range(4))
    facts = tuple(Question("general", f"What is {n} + {n}?", str(2 * n)) for n in range(5))
    return World("small", people, strangers, facts)
