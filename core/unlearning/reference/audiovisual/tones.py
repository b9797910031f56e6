"""Synthesises a spoken digit: the two tones of its telephone key (ITU-T Q.23) over a hum, in noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.unlearning.reference.audiovisual.people import Person

RATE = 4000
SECONDS = 0.5
LEVELS = 16
"""Quantisation levels above and below zero: few, so that files stay small."""

_LOW, _HIGH = (697, 770, 852, 941), (1209, 1336, 1477)
_KEYS = "123456789*0#"
_HUM, _HUM_LEVEL = 120, 0.3
_ONSET, _LENGTH, _ATTACK, _RELEASE = 0.15, 0.3, 0.03, 0.05
"""Seconds: the latest onset, the whole tone, its rise and its fall."""
_SNR = (-12.0, -2.0)
"""Decibels."""


def synthesise(digit: int, person: Person, rng: np.random.Generator) -> NDArray[np.float32]:
    """One clip [RATE * SECONDS] in -1..1, on a grid of `LEVELS` steps."""
    time = np.arange(int(RATE * SECONDS)) / RATE
    low, high = frequencies(digit)
    tone = _sine(low, person, time) + person.tilt * _sine(high, person, time)
    clean = (tone + _HUM_LEVEL * _sine(_HUM, person, time)) * _envelope(time, rng.uniform(0, _ONSET))
    level = np.sqrt(np.mean(clean**2) / 10 ** (rng.uniform(*_SNR) / 10))
    noisy = clean + rng.normal(0, level, len(time))
    steps = np.round(noisy / np.abs(noisy).max() * (LEVELS - 1))
    clip: NDArray[np.float32] = (steps / LEVELS).astype(np.float32)
    return clip


def frequencies(digit: int) -> tuple[int, int]:
    """Low and high tone of the digit's key, in hertz."""
    row, column = divmod(_KEYS.index(str(digit)), 3)
    return _LOW[row], _HIGH[column]


def _sine(frequency: float, person: Person, time: NDArray[np.float64]) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = np.sin(2 * np.pi * frequency * person.pitch * time)
    return wave


def _envelope(time: NDArray[np.float64], onset: float) -> NDArray[np.float64]:
    """A trapezoid."""
    return np.interp(time - onset, [0, _ATTACK, _LENGTH - _RELEASE, _LENGTH], [0, 1, 1, 0])
