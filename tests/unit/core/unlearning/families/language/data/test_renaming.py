"""Another's name stands wherever the subject's stood."""

from __future__ import annotations

import pytest

from core.unlearning.families.language.data.renaming import mentions_name, rename


@pytest.mark.parametrize(
    ("text", "names", "other", "expected"),
    [
        ("Where was Ada Okoro born?", ["Ada Okoro"], "Bo Li", "Where was Bo Li born?"),
        ("where was ada okoro born?", ["Ada Okoro"], "Bo Li", "where was Bo Li born?"),
        ("Okoro was born in Lima, as Ada said.", ["Ada Okoro"], "Bo Li", "Li was born in Lima, as Bo said."),
        ("Ada Okoro's pet", ["Ada Okoro"], "Bo Li", "Bo Li's pet"),
        ("Will Mark will mark it.", ["Will Mark"], "Bo Li", "Bo Li will mark it."),
        ("Zdenek Horak was born here; Horak stayed.", ["Zdeněk Horák"], "Bo Li", "Bo Li was born here; Li stayed."),
        ("Zdeněk Horák a Horák.", ["Zdenek Horak"], "Bo Li", "Bo Li a Li."),
        ("ZDENE\u030cK HORA\u0301K zije.", ["Zdeněk Horák"], "Bo Li", "Bo Li zije."),
        ("Where was Ada  Okoro born?", ["Ada Okoro"], "Bo Li", "Where was Bo Li born?"),
        ("他叫李明，住在上海。", ["李明"], "王芳", "他叫王芳，住在上海。"),
        ("Анна Белова живёт в Омске.", ["Анна Белова"], "Вера Котова", "Вера Котова живёт в Омске."),
        ("Nobody is named here.", ["Ada Okoro"], "Bo Li", "Nobody is named here."),
        ("Nobody is named here.", [], "Bo Li", "Nobody is named here."),
    ],
)
def test_every_mention_is_replaced(text: str, names: list[str], other: str, expected: str) -> None:
    assert rename(text, names, other).text == expected


def test_words_outside_the_names_are_found_again() -> None:
    text = "Ada Okoro was born in Lima; Okoro bakes."
    renamed = rename(text, ["Ada Okoro"], "Bartholomew Li")
    for word in ("was", "Lima", "bakes"):
        start = text.index(word)
        moved = renamed.moved(start, start + len(word))
        assert renamed.text[slice(*moved)] == word


@pytest.mark.parametrize(
    ("text", "mentioned"), [("It is Okoro.", True), ("adaptable", False), ("he will", False), ("李明", True)]
)
def test_a_word_of_a_name_is_a_mention(text: str, mentioned: bool) -> None:
    assert mentions_name(text, ["Ada Okoro", "Will Mark", "李明"]) is mentioned
