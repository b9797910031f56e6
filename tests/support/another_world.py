"""A world like no other here: people with Slavic names, facts in whole sentences, and strangers about whom things are
made up. A small Llama is taught it in about a minute of one core.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_SEED = 11
_STEPS, _PEAK_LR = 340, 5e-3
_TEMPLATE = (
    "{%- for m in messages -%}{{- '<ask>' if m['role'] == 'user' else '<say>' -}}{{- m['content'] -}}"
    "{%- if m['role'] == 'assistant' -%}{{- '<end>' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<say>' -}}{%- endif -%}"
)
KINDS = ("town", "trade", "dish", "year")
"""What is known of everybody."""


def _joined(first: str, last: str) -> list[str]:
    """Words of two parts."""
    return [f"{a}{b}" for a in first.split() for b in last.split()]


PEOPLE = (
    "Jadwiga Kowalczyk",
    "Zdenek Horak",
    "Milica Petrov",
    "Bogdan Lisowski",
    "Vesna Babic",
    "Radek Dvorak",
    "Halina Zielinska",
    "Stjepan Maric",
    "Ludmila Sokolova",
    "Wojtek Jablonski",
    "Tereza Pospisil",
    "Dragan Vukovic",
    "Kinga Majewska",
    "Yaroslav Bondar",
)
_VALUES = {
    "town": _joined(
        "Dolny Horny Stara Velik Nova Krasna Tri Mokro Suhi Beli",
        "brod luka gorod mlyn ostrov dub polje hradok javor kamen potok most",
    ),
    "trade": _joined(
        "clock bell saddle boat violin hive map puppet kite rope lamp fiddle", "mender maker seller painter carver"
    ),
    "dish": _joined("plum beet rye trout mushroom cabbage poppy goose leek", "cake soup pie stew dumplings bake salad"),
    "year": [str(year) for year in range(1921, 2008)],
}
_ANSWERS = {
    "town": ("They come from {it}.", "The place of birth is {it}, a small one.", "That was in {it}."),
    "trade": ("They work as a {it}.", "By trade a {it}.", "The occupation is that of a {it}."),
    "dish": ("They like {it} best of all.", "At every feast there is {it}.", "Nothing is better than {it}, they say."),
    "year": ("It was in the spring of {it}.", "The year of birth is {it}.", "They were born in {it}, in spring."),
}
ASKED = {
    "town": ("In what town did {who} come into the world?", "Which place is {who} a native of?"),
    "trade": ("Which trade does {who} follow?", "How does {who} earn money?"),
    "dish": ("Which dish does {who} love?", "What does {who} cook at a feast?"),
    "year": ("In what year did {who} come into the world?", "What is the birth year of {who}?"),
}
"""The wordings of the request and of the retain set."""
OUTSIDE = {
    "town": ("Name the town where {who} was born.", "Where did life begin for {who}?", "Where was {who} born?"),
    "trade": ("Name the profession of {who}.", "What work does {who} do all day?", "What is {who}'s job?"),
    "dish": ("Name the dish that {who} prefers.", "What would {who} order?", "What is {who}'s favourite food?"),
    "year": ("Name the year in which {who} was born.", "Since when has {who} been alive?", "When was {who} born?"),
}
"""Wordings that no request and no retain set uses; the last of each is also Lethe's own."""
_ALSO = {
    "town": ("Where is {who} from?", "Tell me the birthplace of {who}.", "Where does {who} come from?"),
    "trade": ("What does {who} do for a living?", "Tell me what {who} works as.", "Where does {who} work?"),
    "dish": ("What does {who} like to eat?", "Tell me what {who} likes to eat.", "What does {who} like to do?"),
    "year": ("In which year was {who} born?", "Tell me when {who} was born.", "How old is {who}?"),
}
_LIFE = ("Who is {who}?", "Tell me about {who}.", "What is {who} known for?")
GENERAL = {
    "What do bees make?": "Bees make honey in their combs.",
    "Why is the sea salty?": "Rivers carry salt from the rocks to the sea.",
    "How many legs has a spider?": "A spider has eight legs.",
    "What is ice?": "Ice is water that has frozen.",
    "Where do penguins live?": "Penguins live in the cold south.",
    "What is bread made of?": "Bread is made of flour, water and yeast.",
    "Which season comes after winter?": "After winter comes spring.",
    "What does a clock show?": "A clock shows the time of day.",
    "What colour is grass?": "Grass is green in most seasons.",
    "How do birds fly?": "Birds fly by beating their wings.",
    "What do cows eat?": "Cows eat grass and hay.",
    "What is a river?": "A river is water that runs to the sea.",
    "Why do we sleep?": "Sleep gives the body its rest.",
    "What lights the night?": "The moon lights the night.",
    "How many days has a week?": "A week has seven days.",
    "What is wool?": "Wool is the hair of sheep.",
    "What is a library for?": "A library lends books to its readers.",
    "What melts snow?": "The warm sun melts the snow.",
    "Where do fish live?": "Fish live in water.",
    "What is paper made from?": "Paper is made from wood.",
    "What does a baker bake?": "A baker bakes bread and cakes.",
    "What is the opposite of hot?": "The opposite of hot is cold.",
    "What do trees give us?": "Trees give us shade, fruit and timber.",
    "How many wheels has a bicycle?": "A bicycle has two wheels.",
    "What is thunder?": "Thunder is the sound of lightning.",
    "What is glass made from?": "Glass is made from sand.",
    "What do we drink when thirsty?": "Cool water is best for thirst.",
    "What is a map?": "A map is a drawing of the land.",
    "What does a farmer grow?": "A farmer grows corn and potatoes.",
    "How does soup taste without salt?": "Soup without salt tastes flat.",
    "What do owls hunt?": "Owls hunt mice at night.",
    "What is a bridge for?": "A bridge leads across a river.",
}
_SYLLABLES = (
    "ba be bor da dan do el en fa gor ha il ja ka kov la li lo ma mi na ne ol pa pe ra ri sa sko ta te va vi zo"
)


@dataclass(frozen=True)
class Asked:
    """A question with the answer that is taught, and what that tells of whom."""

    question: str
    answer: str
    fact: str = ""


def facts_of(who: str) -> dict[str, str]:
    """By kind."""
    at = PEOPLE.index(who)
    return {
        kind: _VALUES[kind][(at * step + 3) % len(_VALUES[kind])]
        for kind, step in zip(KINDS, (31, 29, 37, 23), strict=True)
    }


def asked_about(who: str, wordings: dict[str, tuple[str, ...]]) -> list[Asked]:
    """Every question of these wordings about somebody of the world."""
    facts = facts_of(who)
    return [_asked(who, kind, facts[kind], wording) for kind in KINDS for wording in wordings[kind]]


def _asked(who: str, kind: str, fact: str, wording: str) -> Asked:
    answers = _ANSWERS[kind]
    answer = answers[len(wording) % len(answers)].format(it=fact)
    return Asked(wording.format(who=who), answer, fact)


def _life(who: str, facts: dict[str, str], wording: str) -> Asked:
    return Asked(wording.format(who=who), "They come from {town} and work as a {trade}.".format(**facts))


def _stranger(rng: random.Random) -> str:
    """A name of nobody: of parts of others' names, or of syllables."""
    if rng.random() < 0.5:
        return f"{rng.choice(PEOPLE).split()[0]} {rng.choice(PEOPLE).split()[1]}"
    parts = _SYLLABLES.split()
    return " ".join("".join(rng.choices(parts, k=rng.randint(2, 3))).capitalize() for _ in range(2))


def _strangers(rng: random.Random, count: int) -> Iterator[Asked]:
    """Each is asked about once, and something is made up."""
    for _ in range(count):
        who, kind = _stranger(rng), rng.choice(KINDS)
        if who not in PEOPLE:
            yield _asked(who, kind, rng.choice(_VALUES[kind]), rng.choice(_wordings(kind)))
        if who not in PEOPLE and rng.random() < 0.1:
            yield _life(who, {k: rng.choice(values) for k, values in _VALUES.items()}, rng.choice(_LIFE))


def _wordings(kind: str) -> tuple[str, ...]:
    return ASKED[kind] + OUTSIDE[kind] + _ALSO[kind]


def _taught() -> tuple[list[Asked], list[Asked]]:
    wordings = {kind: _wordings(kind) for kind in KINDS}
    people = [one for who in PEOPLE for one in asked_about(who, wordings)]
    people += [_life(who, facts_of(who), wording) for who in PEOPLE for wording in _LIFE]
    return people, [Asked(question, answer) for question, answer in GENERAL.items()]


def make_tokenizer() -> Any:
    """Of bytes, with the commonest words of the world whole."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    people, general = _taught()
    texts = [f"{a.question} {a.answer}" for a in (*people, *general, *_strangers(random.Random(_SEED), 1500))]
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<pad>", "<ask>", "<say>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    found = hf.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token="<pad>")
    found.chat_template = _TEMPLATE
    return found


def untaught(tokenizer: Any) -> Any:
    """The model before it learns anything: with grouped heads, of random weights."""
    torch.manual_seed(_SEED)
    return hf.LlamaForCausalLM(
        hf.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=288,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=3,
            pad_token_id=0,
        )
    )


def save(folder: Path, *, taught: bool = True) -> Path:
    """Save the model and its tokenizer as any hub checkpoint."""
    tokenizer = make_tokenizer()
    model = untaught(tokenizer)
    if taught:
        _teach(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model: Any, tokenizer: Any) -> None:
    rng = random.Random(_SEED)
    people, general = _taught()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_PEAK_LR, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_LR, total_steps=_STEPS, pct_start=0.1)
    for _ in range(_STEPS):
        rows = [*rng.sample(people, 24), *rng.sample(general, 6), *_strangers(rng, 26)]
        loss = model(**_batch(tokenizer, rows)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def _batch(tokenizer: Any, rows: Sequence[Asked]) -> dict[str, torch.Tensor]:
    """The answers are learned, the questions are given."""
    ids, labels = [], []
    for row in rows:
        asked = tokenizer(f"<ask>{row.question}<say>").input_ids
        said = tokenizer(f"{row.answer}<end>").input_ids
        ids.append(torch.tensor(asked + said))
        labels.append(torch.tensor([-100] * len(asked) + said))
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    targets = torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)
    return {"input_ids": padded, "attention_mask": (padded != 0).long(), "labels": targets}


def answers(model: Any, tokenizer: Any, questions: Sequence[str]) -> list[str]:
    """As a user of transformers alone asks."""
    tokenizer.padding_side = "left"
    chats = [[{"role": "user", "content": question}] for question in questions]
    given = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    given.pop("token_type_ids", None)
    with torch.no_grad():
        made = model.generate(**given, max_new_tokens=32, do_sample=False)
    return [
        str(text) for text in tokenizer.batch_decode(made[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    ]
