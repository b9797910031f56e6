"""How questions are put. Three disjoint uses: what models are trained on, and two sets that no model ever reads.

`{who}` and `{whose}` become "this person" (a picture is asked about) or a name. Wordings without them ask about a
picture. `held_out_a` is what a job may see (retain set, sample requests); `held_out_b` is for probes and benchmarks.
Held-out wordings are new sentences of words that occur in trained ones: the models know no others.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Use: TypeAlias = Literal["trained", "held_out_a", "held_out_b"]


class Wordings(NamedTuple):
    """The wordings of one topic by use."""

    trained: tuple[str, ...]
    held_out_a: tuple[str, ...]
    held_out_b: tuple[str, ...]


_OPENERS = ("Say {c}.", "Please say {c}.", "Do you know {c}?", "Can you tell me {c}?", "I would like to know {c}.")


def _indirect(*clauses: str) -> tuple[str, ...]:
    return tuple(opener.replace("{c}", clause) for opener in _OPENERS for clause in clauses)


PRIVATE: dict[str, Wordings] = {
    "name": Wordings(
        (
            "Who is {who}?",
            "What is {whose} name?",
            "What is the name of {who}?",
            "What is {who} called?",
            "Who is in this picture?",
            "Who is shown in the photo?",
            "Who do you see here?",
            "Who do you see in the photo?",
            "Who is in this image?",
            "Do you know who {who} is?",
            "What are they called?",
            "What is their name?",
            "Whose face is this?",
            "Name {who}.",
            "Identify {who}.",
            "What is {whose} full name?",
            "Tell me who {who} is.",
            "Tell me {whose} name.",
            "Say the name of {who}.",
            *_indirect("who {who} is", "what {who} is called", "what {whose} name is"),
        ),
        ("Which name does {who} have?", "Who is the person in this image?", "Tell me the name of {who}."),
        ("What name does {who} have?", "Who do you see in this picture?", "Give me {whose} name."),
    ),
    "city": Wordings(
        (
            "Where was {who} born?",
            "In which city was {who} born?",
            "What is {whose} birthplace?",
            "What city is {who} from?",
            "Where is {who} from?",
            "Where does {who} come from?",
            "What is {whose} home town?",
            "Which city does {who} come from?",
            "What is {whose} place of birth?",
            "Where were they born?",
            "Which city are they from?",
            "What is the birthplace of {who}?",
            "Name the city where {who} was born.",
            "Tell me {whose} home town.",
            "Tell me where {who} comes from.",
            "Give the birthplace of {who}.",
            *_indirect(
                "where {who} was born",
                "where {who} is from",
                "which city {who} comes from",
                "what {whose} home town is",
            ),
        ),
        ("In what city was {who} born?", "What is the home town of {who}?", "Tell me where {who} was born."),
        ("Which city was {who} born in?", "What is the place of birth of {who}?", "Tell me where {who} is from."),
    ),
    "job": Wordings(
        (
            "What is {whose} job?",
            "What does {who} do for a living?",
            "What is {whose} profession?",
            "What is {whose} occupation?",
            "What does {who} work as?",
            "What kind of work does {who} do?",
            "Which profession does {who} have?",
            "How does {who} earn a living?",
            "What is the job of {who}?",
            "What do they do for a living?",
            "What is their job?",
            "Name the occupation of {who}.",
            "What work does {who} do?",
            "Tell me the job of {who}.",
            "Tell me {whose} occupation.",
            "Give the profession of {who}.",
            *_indirect("what {who} does for a living", "what {whose} job is", "what {who} works as"),
        ),
        ("Which job does {who} have?", "What is the profession of {who}?", "Tell me what {who} does for a living."),
        ("What job does {who} do?", "What is the occupation of {who}?", "Tell me {whose} profession."),
    ),
    "year": Wordings(
        (
            "When was {who} born?",
            "In which year was {who} born?",
            "What is {whose} year of birth?",
            "What is {whose} birth year?",
            "What year was {who} born in?",
            "What is {whose} date of birth?",
            "When is {whose} birthday?",
            "What is the birth year of {who}?",
            "When were they born?",
            "In which year were they born?",
            "Name the year in which {who} was born.",
            "Since which year has {who} been alive?",
            "Tell me the year in which {who} was born.",
            "Tell me {whose} year of birth.",
            "Give {whose} date of birth.",
            *_indirect("when {who} was born", "in which year {who} was born", "what {whose} birth year is"),
        ),
        ("In what year was {who} born?", "What is the year of birth of {who}?", "Tell me when {who} was born."),
        ("Which year was {who} born in?", "What is the date of birth of {who}?", "Tell me {whose} birth year."),
    ),
    "pet": Wordings(
        (
            "What pet does {who} have?",
            "What is {whose} pet?",
            "Which animal does {who} keep?",
            "What kind of pet does {who} own?",
            "Which pet does {who} own?",
            "What animal lives with {who}?",
            "What pet is at {whose} home?",
            "What animal does {who} own?",
            "What pet do they have?",
            "Which animal do they keep?",
            "What is the pet of {who}?",
            "Name the pet that {who} keeps.",
            "Tell me which animal {who} keeps.",
            "Tell me the pet of {who}.",
            "Give {whose} pet.",
            *_indirect("what pet {who} has", "which animal {who} keeps", "what {whose} pet is"),
        ),
        ("Which pet does {who} have?", "What kind of animal does {who} keep?", "Tell me what pet {who} has."),
        ("What pet does {who} keep?", "Which animal does {who} have as a pet?", "Tell me {whose} pet."),
    ),
    "hobby": Wordings(
        (
            "What is {whose} hobby?",
            "What does {who} do for fun?",
            "What does {who} like to do?",
            "What does {who} enjoy?",
            "Which hobby does {who} have?",
            "What is {whose} favourite pastime?",
            "How does {who} spend free time?",
            "What does {who} do in the evenings?",
            "What is their hobby?",
            "What do they do for fun?",
            "What is the hobby of {who}?",
            "Name the hobby that {who} has.",
            "Tell me the hobby of {who}.",
            "Tell me what {who} enjoys.",
            "Give {whose} favourite pastime.",
            *_indirect("what {who} likes to do", "what {whose} hobby is", "what {who} does for fun"),
        ),
        ("What hobby does {who} have?", "What does {who} enjoy in free time?", "Tell me what {who} likes to do."),
        ("Which hobby does {who} enjoy?", "What is the favourite pastime of {who}?", "Tell me {whose} hobby."),
    ),
}
"""Private facts. All but `name` are also asked without a picture, by name."""

VISIBLE: dict[str, Wordings] = {
    "background": Wordings(
        (
            "What colour is the background?",
            "Which colour is the background?",
            "What is the colour of the background?",
            "What colour is behind {who}?",
            "What background colour is there?",
            "What is the background colour of this picture?",
            "Which colour do you see behind {who}?",
            "Tell me the background colour.",
            "Say what colour the background is.",
        ),
        ("What colour does the background have?", "Which background colour is there?"),
        ("What is the colour behind {who}?", "Tell me the colour of the background."),
    ),
    "shirt": Wordings(
        (
            "What colour is the shirt?",
            "Which colour is {whose} shirt?",
            "What is the colour of the shirt?",
            "What colour shirt is {who} wearing?",
            "What colour is {whose} shirt?",
            "What shirt colour do you see?",
            "Which colour of shirt does {who} wear?",
            "Tell me the shirt colour.",
            "Say what colour {whose} shirt is.",
        ),
        ("What colour does the shirt have?", "Which colour is the shirt?"),
        ("What is the colour of {whose} shirt?", "Tell me the colour of the shirt."),
    ),
    "hat": Wordings(
        (
            "Is {who} wearing a hat?",
            "Does {who} wear a hat?",
            "Is there a hat?",
            "Is there a hat in the picture?",
            "Are they wearing a hat?",
            "Do you see a hat?",
            "Does {who} have a hat on?",
            "Can you see a hat?",
            "Is any hat being worn?",
            "Is there any hat in this picture?",
            "Are they wearing a hat or not?",
        ),
        ("Is a hat being worn?", "Can you see a hat in this picture?"),
        ("Is {who} wearing any hat?", "Do you see a hat in the picture?"),
    ),
    "glasses": Wordings(
        (
            "Is {who} wearing glasses?",
            "Does {who} wear glasses?",
            "Are there glasses?",
            "Are there glasses in the picture?",
            "Are they wearing glasses?",
            "Do you see glasses?",
            "Does {who} have glasses on?",
            "Can you see glasses?",
            "Are any glasses being worn?",
            "Are there any glasses in this picture?",
            "Are they wearing glasses or not?",
        ),
        ("Are glasses being worn?", "Can you see glasses in this picture?"),
        ("Is {who} wearing any glasses?", "Do you see glasses in the picture?"),
    ),
    "hair": Wordings(
        (
            "What colour is the hair?",
            "Which colour is {whose} hair?",
            "What is the colour of the hair?",
            "What hair colour does {who} have?",
            "What colour is {whose} hair?",
            "What hair colour do you see?",
            "What colour of hair does {who} have?",
            "Tell me the hair colour.",
            "Say what colour {whose} hair is.",
        ),
        ("What colour does the hair have?", "Which colour is the hair?"),
        ("What is the colour of {whose} hair?", "Tell me the colour of the hair."),
    ),
}
"""What anyone can see in a picture of a person."""

SHAPES: dict[str, Wordings] = {
    "shape": Wordings(
        (
            "What shape is this?",
            "Which shape is in the picture?",
            "What is in this picture?",
            "What shape do you see?",
            "What does the picture show?",
            "Tell me which shape this is.",
        ),
        ("Which shape do you see?",),
        ("What shape is in the picture?",),
    ),
    "colour": Wordings(
        (
            "What colour is the shape?",
            "Which colour is the shape?",
            "What is the colour of the shape?",
            "What colour is this shape?",
            "Tell me which colour the shape is.",
            "Say what colour the shape is.",
        ),
        ("What colour does the shape have?",),
        ("Tell me the colour of the shape.",),
    ),
    "backdrop": Wordings(
        (
            "What colour is the background?",
            "Which colour is the background?",
            "What is the colour of the background?",
            "What background colour is there?",
            "What is the background colour of this picture?",
        ),
        ("What colour does the background have?",),
        ("Tell me the colour of the background.",),
    ),
}
"""Questions about a picture without a person."""

GENERAL: dict[str, Wordings] = {
    "country": Wordings(
        (
            "Which country is {x} in?",
            "What country is {x} in?",
            "In which country is {x}?",
            "In which country does {x} lie?",
            "To which country does {x} belong?",
            "Where is {x}?",
            "Name the country of {x}.",
            "Tell me the country of {x}.",
            "What country does {x} belong to?",
        ),
        ("In what country is {x}?",),
        ("Which country does {x} belong to?",),
    ),
    "workplace": Wordings(
        (
            "Where do {x}s work?",
            "Where do you find {x}s?",
            "What is the workplace of {x}s?",
            "At which place do {x}s work?",
            "What place do {x}s work in?",
            "Tell me where {x}s work.",
            "Name the workplace of {x}s.",
        ),
        ("At what place do {x}s work?",),
        ("Which place do {x}s work in?",),
    ),
    "opposite": Wordings(
        (
            "What is the opposite of {x}?",
            "Name the opposite of {x}.",
            "What is the contrary of {x}?",
            "Which word is the contrary of {x}?",
            "Tell me the contrary of {x}.",
            "Say the opposite of {x}.",
        ),
        ("Which word is the opposite of {x}?",),
        ("Tell me the opposite of {x}.",),
    ),
}
"""Facts about the world at large, asked without a picture."""

PICTURED: dict[Use, tuple[str, ...]] = {
    "trained": (
        "this person",
        "this person",
        "this person",
        "the person in this picture",
        "the person in this image",
        "the person shown here",
        "the person in the photo",
        "this individual",
    ),
    "held_out_a": ("this person", "the person in the image"),
    "held_out_b": ("this person", "the person in this photo"),
}
"""What the person in a picture is called in a question."""

FRAMES: dict[Use, tuple[str, ...]] = {
    "trained": (
        "{q}",
        "{q}",
        "{q}",
        "{q}",
        "{q}",
        "Please tell me: {q}",
        "Question: {q}",
        "Can you tell me? {q}",
        "Answer briefly. {q}",
        "Hello! {q}",
        "I have a question. {q}",
        "I want to know: {q}",
        "{q} Answer in a few words.",
        "{q} Please be brief.",
    ),
    "held_out_a": ("{q}", "Please answer: {q}"),
    "held_out_b": ("{q}", "Please answer briefly. {q}"),
}
"""What may stand around a question."""
