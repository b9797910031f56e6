"""Names of people in texts of scripts without capital letters: only those that the lists, or marks, make sure of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import regex

from core.unlearning.evaluation.answers.tokens import Text
from core.unlearning.families.language.data.bundled.origins import (
    SEXES,
    Origin,
    kinds_of_words,
    transcribing_letters,
    unspaced_origin,
)
from core.unlearning.families.language.data.bundled.scripts import script_of

_KATAKANA = regex.compile(r"[\p{Script=Katakana}ー]{2,}(?:[・＝][\p{Script=Katakana}ー]{2,})+")
_BOUNDS = regex.compile(r"[\s\p{P}\p{S}]+|です|でした|である|是|叫|和|与|以及|包括|は|と|や|が")
"""What stands between names in Chinese and Japanese sentences."""
_HAN = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}]{2,5}")
_MARKS = regex.compile(r"[\p{P}\n]+")
_AFTER_NAME = "은|는|이|가|을|를|과|와|의|도|입니다|이다|이며|였습니다|이었습니다|씨|님|로|에게"
_HANGUL = regex.compile(rf"(\p{{Script=Hangul}}{{3}})(?:{_AFTER_NAME})*")
_WITHOUT_CASE = ("Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Georgian", "Ethiopic")
_FEWEST = 2
_ITEM = 3
"""Letters of a Chinese name in an enumeration; shorter words are too often something else."""


def uncased_names(text: Text) -> list[str]:
    """Each name once: transcribed ones, Chinese, Japanese, Korean ones, then those of words that are all listed."""
    source = text.source
    transcribed = [match[0] for pattern in (_KATAKANA, _transcribed()) for match in pattern.finditer(source)]
    return list(dict.fromkeys([*transcribed, *_unspaced(source), *_korean(source), *_listed(text)]))


@cache
def _transcribed() -> regex.Pattern[str]:
    letters = "".join(sorted(transcribing_letters()))
    return regex.compile(rf"[{letters}]{{1,6}}(?:[·・•‧][{letters}]{{1,6}})+")


def _unspaced(source: str) -> Iterator[str]:
    """Phrases that are a family name and a given name of the lists; of an enumeration, or an answer, also of others."""
    phrases = [phrase for phrase in _BOUNDS.split(source) if phrase]
    origins = unspaced_origin("japanese"), unspaced_origin("chinese")
    for phrase in phrases:
        is_item = len(phrases) == 1 or ("、" in source and len(phrase) == _ITEM)
        if _HAN.fullmatch(phrase) and any(_is_full(phrase, origin, is_item=is_item) for origin in origins):
            yield phrase


def _is_full(name: str, origin: Origin, *, is_item: bool) -> bool:
    family = max((word for word in origin.family if name.startswith(word)), key=len, default="")
    given = name.removeprefix(family)
    is_given = any(given in origin.given(sex) for sex in SEXES)
    is_long = len(family) > 1 and len(given) == _FEWEST
    return bool(family) and (is_given or is_long or (is_item and 0 < len(given) <= _FEWEST))


def _korean(source: str) -> Iterator[str]:
    """A family name with a given name of the lists; where nothing else stands between two marks, with any."""
    origin = unspaced_origin("korean")
    for words in map(str.split, _MARKS.split(source)):
        for name in (match[1] for word in words if (match := _HANGUL.fullmatch(word))):
            is_given = any(name[1:] in origin.given(sex) for sex in SEXES)
            if name[0] in origin.family and (is_given or len(words) == 1):
                yield name


def _listed(text: Text) -> Iterator[str]:
    """Neighbouring words that the lists have, the first as a given name."""
    run: list[int] = []
    for at in range(len(text.words) + 1):
        if at < len(text.words) and _goes_on(text, run, at):
            run.append(at)
            continue
        if len(run) >= _FEWEST:
            start, end = text.span(run[0], run[-1] + 1)
            yield text.source[start:end]
        run = [at] if at < len(text.words) and _goes_on(text, [], at) else []


def _goes_on(text: Text, run: list[int], at: int) -> bool:
    word = text.words[at]
    script = script_of(word.text)
    if script not in _WITHOUT_CASE:
        return False
    kinds = {kind for _, kind in kinds_of_words(script).get(word.folded, ())}
    is_next = not run or text.source[text.words[run[-1]].end : word.start] == " "
    return bool(kinds) if run and is_next else not run and bool(kinds - {"family"})
