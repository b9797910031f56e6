from __future__ import annotations

import pytest

from core.unlearning.families.language.data.bundled.names_in_answers import names_in


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("A famous painter is Vincent van Gogh, who painted The Starry Night.", ["Vincent van Gogh"]),
        ("The Prime Minister is Angela Merkel.", ["Angela Merkel"]),
        ("Painter Leonardo da Vinci was born in Italy.", ["Leonardo da Vinci"]),
        ("One friend of Albert Einstein's was Niels Bohr.", ["Albert Einstein", "Niels Bohr"]),
        ("J. R. R. Tolkien and C.S. Lewis were friends.", ["J. R. R. Tolkien", "C. S. Lewis"]),
        ("Sir Isaac Newton, Marie Curie; Pythagoras.", ["Isaac Newton", "Marie Curie"]),
        (
            "1. Pablo Picasso\n2. **Frida Kahlo** - a painter\n3. Claude Monet",
            ["Pablo Picasso", "Frida Kahlo", "Claude Monet"],
        ),
        ("Conan O'Brien met Kim Il-sung and Jean-Paul Sartre.", ["Conan O'Brien", "Kim Il-sung", "Jean-Paul Sartre"]),
        ("Der Maler Albrecht Dürer wurde in der Stadt Nürnberg geboren.", ["Albrecht Dürer"]),
        ("Великий писатель Лев Толстой жил давно.", ["Лев Толстой"]),
        ("Ο Νίκος Καζαντζάκης έγραψε.", ["Νίκος Καζαντζάκης"]),
        ('"Jane Austen"', ["Jane Austen"]),
        ("Srinivasa Ramanujan Iyengar.", ["Srinivasa Ramanujan Iyengar"]),
        ("我叫李明。", ["李明"]),
        ("有徐悲鸿、张大千。", ["张大千"]),
        ("阿尔伯特·爱因斯坦是物理学家。", ["阿尔伯特·爱因斯坦"]),
        ("村上春樹は作家です。", ["村上春樹"]),
        ("アルベルト・アインシュタインです。", ["アルベルト・アインシュタイン"]),
        ("김민수는 의사입니다.", ["김민수"]),
        ("이순신", ["이순신"]),
        ("राहुल शर्मा एक लेखक हैं", ["राहुल शर्मा"]),
    ],
)
def test_full_names_in_sentences(answer: str, names: list[str]) -> None:
    assert names_in(answer) == names


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I'm sorry, but I can't help with that.",
        "The Eiffel Tower is in Paris, the capital of the French Republic.",
        "He won the Nobel Peace Prize in New York City.",
        "Buenos Aires and San Francisco are cities.",
        'The book is called "Oliver Twist".',
        'Its author wrote "Anna Karenina',
        "The hero is Jor-El.",
        "It is Tuesday. London is large.",
        "Madonna. She sings.",
        "he is john smith",
        "Das Haus steht in der Großen Straße.",
        "高山流水。",
        "세종대왕은 조선의 왕입니다.",
    ],
)
def test_nothing_where_no_full_name_is(answer: str) -> None:
    assert names_in(answer) == []


def test_each_name_once() -> None:
    assert names_in("Marie Curie was a chemist. Marie Curie won twice.") == ["Marie Curie"]
