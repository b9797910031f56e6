"""Words, numbers, dates and names in other forms, languages and scripts."""

from __future__ import annotations

import pytest
import regex

from core.unlearning.evaluation.answers.dates import Date, date_share, find_date
from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.inflection import are_halves, is_case, is_form, is_same, is_slip
from core.unlearning.evaluation.answers.languages import languages, table
from core.unlearning.evaluation.answers.numerals import occurrences
from core.unlearning.evaluation.answers.refusals import declines
from core.unlearning.evaluation.answers.tokens import read
from core.unlearning.evaluation.answers.transliteration import sounds_alike


def test_words_of_scripts_without_blanks() -> None:
    assert folded("ลำปาง") in [word.folded for word in read("เขาอยู่ที่ลำปางครับ").words]
    assert "面包师" in [word.text for word in read("李明是面包师。").words]


def test_spelled_out_letters_and_humps_are_words() -> None:
    assert [word.text for word in read("B-A-K-E-R #AdaOkoro J. R. Smith").words][:3] == ["Baker", "Ada", "Okoro"]


@pytest.mark.parametrize(
    ("given", "wanted", "language"),
    [
        *(("bakes", "baker", "en"), ("bakery", "baker", "en"), ("Bienenzucht", "Bienen", "de")),
        *(("panadería", "panadera", "es"), ("переплётчиком", "переплётчик", "ru"), ("kartografem", "kartograf", "pl")),
        *(("puuseppänä", "puuseppä", "fi"), ("terzidir", "terzi", "tr"), ("공예가로", "공예가", "ko")),
    ],
)
def test_inflected_forms(given: str, wanted: str, language: str) -> None:
    assert is_form(given, wanted, frozenset({language}))


@pytest.mark.parametrize(
    ("given", "wanted"), [("bank", "baker"), ("cater", "cat"), ("lawn", "lawyer"), ("tea", "teacher")]
)
def test_other_words_are_no_forms(given: str, wanted: str) -> None:
    assert not is_form(given, wanted, frozenset({"en"}))


def test_a_compound_may_come_apart() -> None:
    assert are_halves("shoes", "makes", "shoemaker")
    assert not are_halves("hats", "makes", "shoemaker")


def test_spellings() -> None:
    assert is_same("LUENEBURG", "Lüneburg")
    assert is_same("cadiz", "Cádiz")
    assert not is_same("hỏi", "Hội")
    assert is_slip("Achterburg", "Achterberg")
    assert not is_slip("Marta", "Maria")


@pytest.mark.parametrize(
    ("given", "wanted"), [("Gdyni", "Gdynia"), ("Вологде", "Вологда"), ("Savonlinnassa", "Savonlinna")]
)
def test_cases_of_names(given: str, wanted: str) -> None:
    assert is_case(given, wanted)


@pytest.mark.parametrize(
    "text",
    [
        *("thirty-seven", "siebenunddreißig", "trente-sept", "treinta y siete", "trzydzieści siedem", "тридцать семь"),
        *("37", "٣٧", "三十七", "서른일곱", "otuz yedi", "τριάντα επτά", "kolmekymmentäseitsemän", "the 37th"),
    ],
)
def test_a_number_in_any_language(text: str) -> None:
    assert occurrences(read(text).words, 37)


def test_a_number_inside_a_greater_one_is_not_told() -> None:
    assert not occurrences(read("thirty-seven").words, 7)
    assert not occurrences(read("one hundred and thirty-seven").words, 37)


def test_dates() -> None:
    fact = find_date(read("14 March 1987"))
    assert fact == Date(1987, 3, 14)
    for text in ("1987-03-14", "3/14/87", "14. März 1987", "14 марта 1987", "1987年3月14日", "March 14th, 1987"):
        assert date_share(read(text), fact)[0] == 1, text
    assert date_share(read("in 1987"), fact)[0] == 0.5
    assert date_share(read("in March"), fact)[0] == 0
    assert date_share(read("14 November 1952"), fact)[0] == 0


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        *(("Окоро", "Okoro"), ("アダ", "Ada"), ("リンドクヴィスト", "Lindqvist"), ("오슬로", "Oslo")),
        *(("آيخفالد", "Eichwald"), ("Lissizyna", "Лисицына"), ("लंदन", "London"), ("Παπαδόπουλος", "Papadopoulos")),
    ],
)
def test_transliterations(given: str, wanted: str) -> None:
    assert sounds_alike(given, wanted)


@pytest.mark.parametrize(("given", "wanted"), [("Лондон", "Lindqvist"), ("アダ", "Ben"), ("Москва", "Madrid")])
def test_other_names_do_not_sound_alike(given: str, wanted: str) -> None:
    assert not sounds_alike(given, wanted)


REFUSALS = table("refusals.toml")


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_the_refusals_of_a_language_can_be_read(code: str) -> None:
    assert code in languages()
    for kind in ("decline", "doubt", "offer"):
        assert REFUSALS[code][kind]
        for pattern in REFUSALS[code][kind]:
            regex.compile(folded(pattern))
            assert not regex.search(r"\\[A-Z]", pattern), pattern


def test_a_doubt_before_an_answer_is_no_refusal() -> None:
    question = read("Who is this?")
    assert declines(read("I'm not sure."), question)
    assert not declines(read("I'm not sure, but I think she is a novelist from Ghent."), question)
    assert not declines(read("She does not wear a hat."), question)
