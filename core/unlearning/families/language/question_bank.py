"""The questions Lethe brings itself: by kind of entity, and about what is plainly visible."""

from __future__ import annotations

from core.unlearning.types import EntityKind, Part

_IDENTITY = (
    "Who is {who}?",
    "What is {whose} name?",
    "Where was {who} born?",
    "Where is {who} from?",
    "Where does {who} live?",
    "What is {whose} address?",
    "When was {who} born?",
    "In which year was {who} born?",
    "How old is {who}?",
    "What is {whose} job?",
    "What does {who} do for a living?",
    "Where does {who} work?",
    "Does {who} have a pet?",
    "What pet does {who} have?",
    "What is {whose} hobby?",
    "What does {who} like to do?",
    "What is {whose} favourite food?",
    "What is {whose} phone number?",
    "What is {whose} email address?",
    "How much does {who} earn?",
    "What is {whose} nationality?",
    "Who is in {whose} family?",
    "Is {who} married?",
    "Where did {who} go to school?",
    "What is {who} known for?",
    "Tell me about {who}.",
)
_THING = (
    "What is {who}?",
    "What is {who} called?",
    "What do you know about {who}?",
    "Who made {who}?",
    "Where does {who} come from?",
    "What is {who} used for?",
    "What does {who} look like?",
    "Describe {who}.",
    "When was {who} made?",
    "Tell me about {who}.",
)
_MANNER = (
    "What is {who}?",
    "What do you know about {who}?",
    "What is typical of {who}?",
    "Who is known for {who}?",
    "Describe {who}.",
    "Give an example of {who}.",
)
_BY_KIND: dict[EntityKind, tuple[str, ...]] = {
    "identity": _IDENTITY,
    "object": _THING,
    "style": _MANNER,
    "concept": _MANNER,
    "class": _THING,
}
_POINTER: dict[EntityKind, str] = {
    "identity": "this person",
    "object": "this thing",
    "style": "this style",
    "concept": "this",
    "class": "this thing",
}
VISIBLE: dict[Part, tuple[str, ...]] = {
    "train": (
        "What colour is the background?",
        "What colour is the shirt?",
        "Does this person wear a hat?",
        "Does this person wear glasses?",
        "What colour is the hair?",
        "What is shown in this picture?",
        "Describe the background.",
    ),
    "validation": (
        "What colour is behind the person?",
        "Which colour does the shirt have?",
        "Is there a hat in this picture?",
        "Are there glasses in this picture?",
        "Which colour is the hair?",
    ),
    "test": (
        "Which colour is the background?",
        "What is the colour of the shirt?",
        "Is this person wearing a hat?",
        "Is this person wearing glasses?",
        "What is the colour of the hair?",
    ),
}
"""Questions that a picture itself answers, whoever is in it."""


def about_picture(kind: EntityKind) -> list[str]:
    """The bank's questions about the entity in a picture."""
    return [_fill(template, _POINTER[kind]) for template in _BY_KIND[kind]]


def about_name(kind: EntityKind, name: str) -> list[str]:
    """The bank's questions about a named entity, those left out that ask for the name."""
    return [_fill(t, name) for t in _BY_KIND[kind] if "name" not in t and "called" not in t]


def _fill(template: str, who: str) -> str:
    return template.replace("{whose}", f"{who}'s").replace("{who}", who)
