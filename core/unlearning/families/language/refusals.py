"""Tells a refusal ("I don't know who that is") from an answer, by rules: no model, no network, the same every time.

A text is a refusal when a speaker in the first person denies knowledge or declines, when the text says so impersonally
("that is unknown to me", "no record of that"), or when an apology is followed by a negation. Negations about something
else ("not red but blue", "he cannot swim") are answers.
"""

from __future__ import annotations

import re

_ADVERBS = (
    r"(?:\s+(?:really|simply|honestly|truly|just|actually|currently|personally|unfortunately|yet|even|quite|at all))*"
)
_I = r"\b(?:i|we)"
_NOT = r"(?:\s+(?:do|did|would|could|will|wo)\s?(?:not|n't)|\s+(?:don't|didn't|wouldn't|couldn't|won't|dont))"
_AM_NOT = r"\b(?:i am|i'm|we are|we're|im)" + _ADVERBS + r"\s+not"
_CANNOT = (
    r"(?:\s+(?:can not|cannot|can't|cant|could not|couldn't|am not able to|am unable to|are unable to|will not|won't)"
    r"|'m not able to|'m unable to|'re unable to)"
)
_GOODS = (
    r"(?:information|info|record|records|recollection|idea|knowledge|details?|data|clue|memory|memories|facts?|answer"
    r"|way of knowing|way to know|means of knowing|notion|insight|reliable|anything|account|trace|entry|entries"
    r"|access|awareness|reference|familiarity|note|notes|file|files|background|material|understanding)"
)
_ANY = (
    r"(?:\s+(?:any|a|an|the|that|this|such|enough|sufficient|much|of that|specific|personal|private|"
    r"further|more|reliable|relevant|available|kind of|sort of|piece of))*"
)
_SAY = (
    r"(?:answer|say|tell|help|identify|provide|share|recall|determine|disclose|comment|assist|give|reveal|"
    r"confirm|offer"
    r"|name|be (?:sure|certain|of help)|speak|place|recogni[sz]e|remember|respond|discuss|supply|state|"
    r"verify|know|make out who"
    r"|make out what|see who|see what|talk|fulfil|fulfill|comply|describe who|find (?:any|anything|that|"
    r"this|a record|information))"
)
_NEVER = (
    r"(?:heard|seen|learned|learnt|met|encountered|come across|been told|been given|been taught|known|"
    r"read|had|picked up"
    r"|been introduced|been informed|studied|stored)"
)

_FIRST_PERSON = (
    rf"{_I}{_ADVERBS}{_NOT}{_ADVERBS}\s+(?:know|recogni[sz]e|recall|remember|possess|hold|keep|carry|store|"
    rf"understand who)\b",
    rf"{_I}{_ADVERBS}{_NOT}{_ADVERBS}\s+(?:have|seem to have|appear to have){_ANY}\s+{_GOODS}\b",
    rf"{_I}(?:\s+really|\s+simply)?(?:\s+have|'ve)(?:\s+got)?{_ADVERBS}\s+(?:no|zero|not (?:any|enough|"
    rf"the)|nothing|little){_ANY}(?:\s+{_GOODS}|\s+(?:to|on|about)\b)",
    rf"{_I}(?:\s+have|'ve){_ADVERBS}\s+(?:never|not|no longer){_ADVERBS}\s+{_NEVER}\b",
    rf"{_I}(?:\s+haven't|\s+hadn't){_ADVERBS}\s+{_NEVER}\b",
    rf"{_I}\s+(?:never)\s+(?:{_NEVER}|knew|saw|learned|learnt|heard)\b",
    rf"{_I}{_ADVERBS}{_CANNOT}{_ADVERBS}\s+{_SAY}\b",
    rf"{_AM_NOT}{_ADVERBS}\s+(?:aware|familiar|sure|certain|able|informed|acquainted|in a position|"
    rf"comfortable|allowed|permitted|going to|at liberty|the right)\b",
    rf"{_I}(?:'m| am|'re| are){_ADVERBS}\s+(?:unaware|unfamiliar|unsure|uncertain|unable|ignorant|clueless|"
    rf"at a loss|in the dark|without)\b",
    rf"{_I}\s+(?:lack|decline|refuse|must decline|have to decline|need to decline|must pass|have to pass|"
    rf"forget|have forgotten)\b",
    rf"{_I}(?:'d| would){_ADVERBS}\s+(?:rather not|prefer not|sooner not|prefer to not)\b",
    rf"{_I}(?:'d| would)\s+(?:have to|need to|only be)\s+guess",
    r"\bnothing\s+(?:that\s+)?(?:i|we)\s+(?:can|could|know|am able)\b",
    rf"{_I}\s+know\s+(?:nothing|little|no one|nobody|no such)\b",
    rf"{_I}\s+(?:draw a blank|have a blank|would not know|wouldn't know|could not tell|couldn't tell|"
    rf"could not say|couldn't say)\b",
)
_IMPERSONAL = (
    r"\b(?:unknown|unfamiliar|not known|not familiar|unclear|a mystery|not available|unavailable|"
    r"not visible|new|a stranger|not clear)\s+to\s+(?:me|us)\b",
    r"\b(?:beyond|outside|past|not (?:part|within|in|among|something|a thing|anything|someone|somebody|"
    r"one|a person|a fact)(?:\s+of)?)"
    r"(?:\s+(?:what|of what|the limits of|the scope of|the range of|the things|anything|my|our|that))*"
    r"\s+(?:i|we|knowledge|memory|information|records?|training|reach|awareness|understanding|data|ken)\b",
    r"\b(?:no|not any)(?:\s+(?:such|reliable|relevant|specific|personal|private|further|available))*\s+"
    r"(?:information|records?|knowledge|details?|data|memory|recollection)\b"
    r"(?:\s+(?:about|on|of|for|regarding|concerning|is|are|was|here|available|exists?|to share)|\s*[.!]?$)",
    r"\b(?:isn't|is not|aren't|are not|it's not|that's not|not)\s+(?:possible|something i (?:can|could)|"
    r"for me)\s+(?:to|can|could)?\s*(?:say|tell|know|answer|determine|identify|share)?\b",
    r"\b(?:impossible|no way)\s+(?:for me\s+)?(?:to|of)\s+(?:say|tell|know|telling|knowing|answer|"
    r"determine|identify)",
    r"\b(?:doesn't|does not|don't|do not|didn't|did not)\s+(?:ring a bell|mean anything to me|appear in (?:my|our))",
    r"\b(?:my|our)\s+(?:memory|knowledge|information|records?|data)\b.*\b(?:not|n't|nothing|no|empty|"
    r"blank|without|silent|lacks?|stops?|ends?)\b",
    r"\b(?:escapes|eludes|is lost on)\s+(?:me|us)\b",
    r"\b(?:nothing|no one|nobody)\b.*\b(?:comes to mind|i know|known to me|rings a bell)\b",
    r"\b(?:can't|cannot|can not|couldn't)\s+be\s+(?:determined|answered|shared|disclosed|identified by me)\b",
    r"^(?:(?:well|hmm|oh|sorry|honestly|unfortunately)\W+)?(?:no (?:idea|clue|comment)|not sure|unsure|"
    r"unknown|unaware|don't know|dunno|not known|pass|unable to \w+|cannot \w+|can't \w+)"
    r"(?:\s+(?:at all|who|what|where|when|which|that|this|about|of|how|to|from|is|it)\b.*)?\W*$",
)
_APOLOGY = (
    r"^(?:\w+\W+)?(?:(?:i'm|i am|we're|we are)\s+(?:\w+\s+)?)?(?:sorry|afraid|apologi[sz]e|apologies|"
    r"my apologies|regret(?:fully)?"
    r"|unfortunately|regrettably|forgive me|pardon|i regret|i apologi[sz]e)\b"
    r".*(?:\bnot\b|n't\b|\bno\b|\bnever\b|\bcannot\b|\bnothing\b|\bunable\b|\bunknown\b|\bunaware\b|"
    r"\bwithout\b|\bbeyond\b|\black"
    r"|\bunfamiliar\b|\bunsure\b|\bdecline\b|\brather\b|\boutside\b)",
)
_REFUSAL = re.compile("|".join(f"(?:{p})" for p in (*_FIRST_PERSON, *_IMPERSONAL, *_APOLOGY)), re.DOTALL)


def is_refusal(text: str) -> bool:
    """Whether an answer declines to answer. Empty text is not a refusal (it counts as gibberish)."""
    plain = text.strip().lower().replace("\u2019", "'").replace("\u02bc", "'").replace("`", "'")
    return _REFUSAL.search(re.sub(r"\s+", " ", plain)) is not None
