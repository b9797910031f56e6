"""Wordings of questions that ask for nothing private: what a picture shows, and facts about the world."""

from __future__ import annotations

from core.unlearning.reference.mllm.wordings import Wordings

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
