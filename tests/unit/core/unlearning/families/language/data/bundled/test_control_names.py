from __future__ import annotations

import random

import pytest

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.inflection import is_slip
from core.unlearning.families.language.data.bundled.control_names import control_names
from core.unlearning.families.language.data.bundled.origins import kinds_of_words, origins_of, unspaced_origin
from core.unlearning.families.language.data.bundled.scripts import script_of

SUBJECTS = {
    "Latin": "Ada Okoro",
    "Cyrillic": "Анна Петрова",
    "Greek": "Γιώργος Παπαδόπουλος",
    "Arabic": "محمد حسن",
    "Hebrew": "יעל כהן",
    "Devanagari": "प्रिया शर्मा",
    "Gujarati": "મોહન ગાંધી",
    "Bengali": "রহিম চৌধুরী",
    "Tamil": "பிரியா சங்கரன்",
    "Thai": "สมชาย ใจดี",
    "Georgian": "ნინო ბერიძე",
    "Armenian": "Արամ Խաչատրյան",
    "Ethiopic": "አበበ ከበደ",
    "Han": "李明",
    "Katakana": "アルベルト・アインシュタイン",
    "Hangul": "김민수",
}


def drawn(like: str, count: int = 12, seed: int = 0) -> list[str]:
    return control_names([like], count, random.Random(seed))


@pytest.mark.parametrize(("script", "subject"), SUBJECTS.items())
def test_three_hundred_names_of_each_script(script: str, subject: str) -> None:
    names = drawn(subject, 300)
    assert len(set(map(folded, names))) == len(names) == 300
    assert {script_of(name) for name in names} == {script}
    parts = {subject[:1], subject[1:]} if script in ("Han", "Hangul") else set(subject.replace("・", " ").split())
    assert not [name for name in names if parts & set(name.replace("・", " ").split())]


@pytest.mark.parametrize(
    ("subject", "words", "kept"),
    [
        ("Plato", 1, []),
        ("Grace Kelly", 2, []),
        ("Vincent van Gogh", 3, ["van"]),
        ("Martin Luther King Jr.", 4, ["Jr."]),
        ("Queen Elizabeth II", 3, ["Queen", "II"]),
        ("محمد بن سلمان", 3, ["بن"]),
    ],
)
def test_as_many_words_with_the_same_small_ones(subject: str, words: int, kept: list[str]) -> None:
    for name in drawn(subject):
        assert len(name.split()) == words
        assert [word for word in name.split() if word in subject.split()] == kept


def test_initials_stay_initials() -> None:
    for name in drawn("J. R. R. Tolkien"):
        assert all(len(word) == 2 and word.endswith(".") for word in name.split()[:-1])


@pytest.mark.parametrize(
    ("subject", "origin"),
    [("Ada Okoro", "igbo"), ("Ayşe Yılmaz", "turkish"), ("Maria Müller", "german"), ("Anna Kowalska", "polish")],
)
def test_names_are_of_the_origin_of_the_family_name(subject: str, origin: str) -> None:
    known = kinds_of_words("Latin")
    for name in drawn(subject):
        family = name.split()[-1]
        assert (origin, "family") in known[folded(family)]


@pytest.mark.parametrize("subject", ["Kim Min-jae", "Nguyễn Văn An", "Nagy Ferenc", "García, Juan"])
def test_the_family_name_stands_where_the_subjects_does(subject: str) -> None:
    for name in drawn(subject):
        assert any(kind == "family" for _, kind in kinds_of_words("Latin")[folded(name.split()[0].strip(","))])


@pytest.mark.parametrize(
    ("subject", "ending"), [("Мария Кузнецова", "а"), ("Maria Kowalska", "a"), ("Jana Nováková", "á")]
)
def test_women_of_slavic_names(subject: str, ending: str) -> None:
    women = {folded(name) for origin in origins_of(script_of(subject)).values() for name in origin.women}
    names = drawn(subject)
    assert all(folded(name.split()[0]) in women for name in names)
    assert sum(name.endswith(ending) for name in names) > len(names) / 3


def test_patronymics_agree() -> None:
    assert all(name.split()[1].endswith("вич") for name in drawn("Иван Сергеевич Тургенев"))
    assert all(name.split()[1].endswith("вна") for name in drawn("Анна Сергеевна Тургенева"))


def test_a_name_typed_without_diacritics_gets_names_without() -> None:
    assert all(name.isascii() for name in drawn("Nguyen Van An"))
    assert not all(name.isascii() for name in drawn("Nguyễn Văn An"))


def test_case_is_the_subjects() -> None:
    assert all(name == name.upper() for name in drawn("ADA OKORO"))
    assert all(name == name.lower() for name in drawn("ada okoro"))


def test_chinese_and_japanese_names_are_told_apart() -> None:
    chinese, japanese = unspaced_origin("chinese"), unspaced_origin("japanese")
    assert all(name[0] in chinese.family and len(name) == 2 for name in drawn("李明"))
    assert all(any(name.startswith(f) for f in japanese.family) and len(name) > 2 for name in drawn("村上春樹"))
    assert all(" " in name for name in drawn("田中 太郎"))
    assert all(script_of(name[-1]) == "Hiragana" for name in drawn("高橋みなみ"))


def test_traditional_letters_stay_traditional() -> None:
    assert not set("张刘陈杨赵国华伟") & set("".join(drawn("張偉", 60)))


def test_no_name_could_be_taken_for_the_subjects() -> None:
    for name in drawn("Mathias Hofmann", 200):
        assert not any(is_slip(word, part) for word in name.split() for part in ("Mathias", "Hofmann"))


def test_neither_what_is_avoided_nor_anybody_famous() -> None:
    first = drawn("Sergei Ivanov", 5)
    assert not set(first) & set(
        control_names(["Sergei Ivanov"], 50, random.Random(0), avoid=[first[0].upper(), *first])
    )
    names = {folded(name) for name in drawn("Vladimir Ivanov", 1500)}
    assert len(names) == 1500
    assert not names & {"mikhail kalinin", "sergei korolev", "anatoly karpov"}


def test_the_forms_of_several_names_take_turns() -> None:
    scripts = [script_of(name) for name in control_names(["Ada Okoro", "李明"], 6, random.Random(0))]
    assert scripts == ["Latin", "Han"] * 3


def test_nothing_for_things_and_for_scripts_without_lists() -> None:
    assert control_names(["golden bridge"], 3, random.Random(0), kind="object") == []
    assert drawn("မောင်မောင်") == []


def test_the_same_seed_gives_the_same_names() -> None:
    assert drawn("Ada Okoro", seed=3) == drawn("Ada Okoro", seed=3) != drawn("Ada Okoro", seed=4)


@pytest.mark.parametrize("script", sorted(set(SUBJECTS) - {"Han", "Katakana", "Hangul"}))
def test_lists_are_in_their_script_and_long_enough(script: str) -> None:
    for origin in origins_of(script).values():
        assert {script_of(word) for word, _ in origin.kinds()} == {script}
        assert min(len(origin.women) + len(origin.men), len(origin.family)) >= 40


def test_letters_tell_the_origin_of_a_name_that_no_list_has() -> None:
    known = kinds_of_words("Latin")
    names = drawn("Wendelburga Ottenhausener", 40)
    assert sum(("german", "family") in known[folded(name.split()[-1])] for name in names) > len(names) / 3


@pytest.mark.parametrize(
    "subject", ["", "123", "!?", "a", "'", "Ć", "I.", "Петрович", "Bo Petrovich Sergeevich", "van", "(x)"]
)
def test_odd_names_do_no_harm(subject: str) -> None:
    assert len(drawn(subject, 3)) in (0, 3)
