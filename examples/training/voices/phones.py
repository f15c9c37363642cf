"""Phones of the synthesisers -> visemes -> mouth actions over time, with co-articulation."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagineid_sdk.listening.profile import TRACK_RATE
from imagineid_sdk.listening.visemes import VISEMES, shape_table

_IPA_GROUPS = {
    "PP": "pbmɓʙ",
    "FF": "fvɱʋβɸ",
    "TH": "θð",
    "DD": "tdnlrɾʈɖɳɭɫɬɲʎȵcɟɮ",
    "SS": "sz",
    "CH": "ʃʒɕʑʂʐʧʤɧ",
    "RR": "ɹɻɚɝɜ",
    "KK": "kɡgŋxɣhɦʔqχʁçʀħʕɰʝ",
    "AX": "əɨɘɵɪ̈ᵊ",
    "AA": "aɑɐʌä",
    "AE": "æ",
    "E": "eɛ",
    "I": "iɪj",
    "O": "oɔɒøœ",
    "U": "uʊwʍɥyʏɯʉɤ",
}
_IPA = {letter: viseme for viseme, letters in _IPA_GROUPS.items() for letter in letters}

_ARPABET = {
    "aa": "AA", "ae": "AE", "ah": "AA", "ao": "O", "aw": "AA U", "ax": "AX", "axr": "RR", "ay": "AA I", "b": "PP",
    "ch": "CH", "d": "DD", "dh": "TH", "dx": "DD", "eh": "E", "el": "DD", "em": "PP", "en": "DD", "er": "RR",
    "ey": "E I", "f": "FF", "g": "KK", "h": "KK", "hh": "KK", "hv": "KK", "ih": "I", "ix": "I", "iy": "I", "jh": "CH",
    "k": "KK", "l": "DD", "m": "PP", "n": "DD", "ng": "KK", "nx": "DD", "ow": "O U", "oy": "O I", "p": "PP", "r": "RR",
    "s": "SS", "sh": "CH", "t": "DD", "th": "TH", "uh": "U", "uw": "U", "v": "FF", "w": "U", "y": "I", "z": "SS",
    "zh": "CH", "pau": "SIL", "sil": "SIL", "h#": "SIL", "brth": "SIL", "#": "SIL", "ssil": "SIL",
}  # fmt: skip

# Festival's Italian, Czech and Catalan phone sets where a letter does not stand for itself.
_FESTIVAL = {
    "ts": "SS", "dz": "SS", "tS": "CH", "dZ": "CH", "S": "CH", "Z": "CH", "LL": "DD", "JJ": "DD", "ng": "KK",
    "ch": "KK", "c~": "CH", "dz~": "CH", "s~": "CH", "z~": "CH", "r~": "CH", "r~*": "CH", "n~": "DD", "d~": "DD",
    "t~": "DD", "c": "SS", "j": "I", "w": "U", "ax": "AX", "aw": "AA", "O": "O", "E": "E", "uw": "U", "L": "DD",
    "J": "DD", "rr": "DD", "N*": "KK", "m*": "PP", "r": "DD", "y": "I", "@": "AX", "h": "KK", "hh": "KK",
}  # fmt: skip


@dataclass(frozen=True)
class Sound:
    """One viseme in time: seconds from the start of the clip."""

    start: float
    end: float
    viseme: int


def from_ipa(symbol: str) -> list[str]:
    """Visemes of one IPA phone as espeak names it; an affricate or a diphthong gives its parts."""
    decomposed = unicodedata.normalize("NFD", symbol)
    letters = [_IPA[letter] for letter in decomposed if letter in _IPA]
    if letters[:2] in (["DD", "CH"], ["DD", "SS"]):
        letters = letters[1:]
    return letters or ["SIL"]


def from_arpabet(symbol: str) -> list[str]:
    """Visemes of one phone of the CMU set (flite, English festival voices)."""
    return _ARPABET[symbol.lower().rstrip("012")].split()


def from_festival(symbol: str) -> list[str]:
    """Visemes of one phone of festival's Italian, Czech and Catalan voices."""
    plain = symbol.rstrip("1:_")
    for name in (symbol, plain):
        if name in _FESTIVAL:
            return [_FESTIVAL[name]]
    if plain.lower() in ("#", "pau", "sil", ""):
        return ["SIL"]
    return from_ipa(plain.lower())


def to_sounds(phones: Sequence[tuple[float, float, list[str]]], shift: float) -> list[Sound]:
    """Timed phones -> timed visemes, moved by `shift` seconds; the first part of a diphthong gets 60 %."""
    sounds = []
    for start, end, visemes in phones:
        edges = [start, end] if len(visemes) == 1 else [start, start + 0.6 * (end - start), end]
        for a, b, viseme in zip(edges[:-1], edges[1:], visemes[:2], strict=True):
            if b > a:
                sounds.append(Sound(a + shift, b + shift, VISEMES.index(viseme)))
    return sounds


def viseme_frames(sounds: Sequence[Sound], frames: int) -> np.ndarray:
    """The viseme at each track sample, int64 (frames,); gaps are silence."""
    result = np.zeros(frames, np.int64)
    centres = (np.arange(frames) + 0.5) / TRACK_RATE
    for sound in sounds:
        result[(centres >= sound.start) & (centres < sound.end)] = sound.viseme
    # A closure shorter than a frame still happens.
    for sound in sounds:
        if VISEMES[sound.viseme] == "PP" and sound.end - sound.start < 1 / TRACK_RATE:
            result[min(frames - 1, max(0, int(0.5 * (sound.start + sound.end) * TRACK_RATE)))] = sound.viseme
    return result


# Cohen & Massaro (1993): each sound dominates around its own middle; strength and reach (s) per viseme.
_STRENGTH = dict.fromkeys(VISEMES, 0.7) | {
    "SIL": 0.8, "PP": 1.6, "FF": 1.3, "SS": 1.0, "CH": 1.0, "TH": 0.8, "DD": 0.4, "KK": 0.25, "AX": 0.4, "RR": 0.7,
    "AA": 0.9, "AE": 0.9, "U": 0.9, "O": 0.9,
}  # fmt: skip
_REACH = dict.fromkeys(VISEMES, 0.045) | {"U": 0.060, "O": 0.055, "PP": 0.030, "FF": 0.035, "SIL": 0.040}


def action_frames(sounds: Sequence[Sound], frames: int) -> np.ndarray:
    """Mouth actions over time, float32 (frames, actions): dominance blending, with p/b/m and f/v fully reached."""
    table = shape_table()
    centres = (np.arange(frames) + 0.5) / TRACK_RATE
    total = np.full((frames, 1), 1e-4)
    blend = np.zeros((frames, table.shape[1]))
    hold = np.zeros((frames, len(VISEMES)))
    for sound in sounds:
        name = VISEMES[sound.viseme]
        middle, half = 0.5 * (sound.start + sound.end), 0.5 * (sound.end - sound.start)
        beyond = np.maximum(np.abs(centres - middle) - 0.6 * half, 0)
        weight = _STRENGTH[name] * np.exp(-((beyond / _REACH[name]) ** 1.4))
        total[:, 0] += weight
        blend += weight[:, None] * table[sound.viseme]
        if name in ("PP", "FF"):
            outside = np.maximum(np.abs(centres - middle) - half, 0)
            hold[:, sound.viseme] = np.maximum(hold[:, sound.viseme], np.clip(1 - outside / 0.05, 0, 1))
    actions = blend / total
    for name in ("FF", "PP"):
        share = hold[:, VISEMES.index(name), None]
        share = share * share * (3 - 2 * share)
        actions = actions * (1 - share) + table[VISEMES.index(name)] * share
    return actions.astype(np.float32)
