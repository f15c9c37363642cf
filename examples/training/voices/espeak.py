"""espeak-ng through ctypes: speech with the time of every phone, and random voices of known sex and age.

libespeak-ng keeps global state: use one process per worker. Needs Debian's `espeak-ng` (data and library).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path("/usr/lib/x86_64-linux-gnu/espeak-ng-data")
LABEL_SHIFT = -0.015  # s: espeak's events come 8 to 22 ms after the sound they name

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA_EVENTS, _DONT_EXIT = 1, 2, 0x8000
_EVENT_PHONEME = 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8 = 1


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class _VoiceQuery(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


class Espeak:
    """One loaded libespeak-ng. `data`: folder that holds `espeak-ng-data`, default the system's."""

    def __init__(self, data: Path | None = None, library: str = "libespeak-ng.so.1"):
        self._library = ctypes.CDLL(library)
        options = _PHONEME_EVENTS | _IPA_EVENTS | _DONT_EXIT
        folder = str(data).encode() if data else None
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, folder, options)
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not start: is the package espeak-ng-data installed?")
        self._chunks: list[np.ndarray] = []
        self._events: list[tuple[float, str]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = kind(self._collect)  # kept alive: C holds only a pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples, count: int, events) -> int:
        if count > 0 and samples:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != 0:
            if events[index].type == _EVENT_PHONEME:
                name = events[index].id.string.decode("utf8", "ignore")
                self._events.append((events[index].sample / self.rate, name))
            index += 1
        return 0

    def speak(
        self, text: str, voice: str, *, rate: int = 175, pitch: int = 50, spread: int = 50
    ) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
        """Samples (int16, at `self.rate`) and phones (start s, end s, IPA) by "language" or "language+variant"."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            query = _VoiceQuery()
            query.languages = voice.encode()
            if self._library.espeak_SetVoiceByProperties(ctypes.byref(query)) != 0:
                raise ValueError(f"espeak-ng knows no voice {voice!r}")
        for parameter, value in ((_RATE, rate), (_VOLUME, 100), (_PITCH, pitch), (_RANGE, spread)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks.clear()
        self._events.clear()
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        ends = [start for start, _ in self._events[1:]] + [len(samples) / self.rate]
        return samples, [(start, end, name) for (start, name), end in zip(self._events, ends, strict=True)]


@dataclass(frozen=True)
class Group:
    """A part of the population: age (years), pitch (Hz) and formant ranges (1 = espeak's own man), and its share."""

    gender: str
    age: tuple[int, int]
    pitch: tuple[float, float]
    formant: tuple[float, float]
    share: float


GROUPS: dict[str, Group] = {
    "man": Group("male", (20, 60), (85, 150), (0.92, 1.06), 0.27),
    "woman": Group("female", (20, 60), (165, 250), (1.08, 1.20), 0.27),
    "boy": Group("male", (6, 12), (215, 300), (1.20, 1.36), 0.09),
    "girl": Group("female", (6, 12), (230, 330), (1.22, 1.40), 0.09),
    "young man": Group("male", (13, 19), (110, 190), (1.00, 1.12), 0.05),
    "young woman": Group("female", (13, 19), (190, 265), (1.12, 1.24), 0.05),
    "old man": Group("male", (62, 85), (95, 165), (0.92, 1.04), 0.09),
    "old woman": Group("female", (62, 85), (145, 215), (1.06, 1.16), 0.09),
}


@dataclass(frozen=True)
class Speaker:
    """A voice of the training world and what is true of it."""

    name: str
    group: str
    gender: str
    age: int
    pitch: float
    formant: float


def draw_speaker(name: str, group: str, rng: np.random.Generator) -> Speaker:
    """A random speaker of a group: within it pitch and vocal-tract length go together, loosely."""
    kind = GROUPS[group]
    place = rng.uniform()
    pitch = kind.pitch[0] + (kind.pitch[1] - kind.pitch[0]) * place
    own = np.clip(place + rng.normal(0, 0.25), 0, 1)
    formant = kind.formant[0] + (kind.formant[1] - kind.formant[0]) * own
    age = int(rng.integers(kind.age[0], kind.age[1] + 1))
    return Speaker(name, group, kind.gender, age, float(pitch), float(formant))


def stratified_groups(count: int) -> list[str]:
    """`count` group names in the population's proportions."""
    names = list(GROUPS)
    edges = np.cumsum([GROUPS[name].share for name in names])
    return [names[int(np.searchsorted(edges, (i + 0.5) / count * edges[-1]))] for i in range(count)]


def make_voices(count: int, folder: Path, seed: int = 0) -> list[Speaker]:
    """Writes `count` random voice variants into a linked copy of espeak's data below `folder`; returns who they are.

    Load them with `Espeak(data=folder)` and speak as "en-us+<name>".
    """
    rng = np.random.default_rng(seed)
    target = folder / "espeak-ng-data"
    (target / "voices" / "!v").mkdir(parents=True, exist_ok=True)
    # espeak-ng lists at most 350 voices: its own variants and the MBROLA ones are left out.
    for entry in DATA.iterdir():
        if entry.name != "voices" and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)
    speakers = []
    for index, group in enumerate(stratified_groups(count)):
        speaker = draw_speaker(f"v{index:03d}", group, rng)
        text = "\n".join(_variant_lines(speaker, rng)) + "\n"
        (target / "voices" / "!v" / speaker.name).write_text(text)
        speakers.append(speaker)
    return speakers


def _variant_lines(speaker: Speaker, rng: np.random.Generator) -> list[str]:
    """A variant file in espeak's own language: pitch range, nine formants, voice quality."""
    old, female = speaker.group.startswith("old"), speaker.gender == "female"
    # espeak's "pitch" is nominal: the spoken mean comes out 5 to 16 % lower.
    wanted = speaker.pitch / np.interp(speaker.pitch, [100, 150, 200, 300], [1.05, 1.06, 1.12, 1.16])
    low = wanted * rng.uniform(0.80, 0.86)
    high = low + wanted * rng.uniform(0.25, 0.55) * (0.8 if old else 1)
    lines = [
        "language variant",
        f"name {speaker.name}",
        f"gender {speaker.gender} {speaker.age}",
        f"pitch {low:.0f} {high:.0f}",
    ]
    for formant in range(9):
        frequency = 100 * speaker.formant * np.exp(rng.normal(0, 0.035))
        slope = 0.035 if female else 0.02
        height = np.clip(100 * np.exp(rng.normal(0, 0.18) - slope * formant), 25, 200)
        width = np.clip(100 * np.exp(rng.normal(0.1 if female else 0, 0.15)), 60, 200)
        lines.append(f"formant {formant} {frequency:.0f} {height:.0f} {width:.0f}")
    lines += [
        f"roughness {rng.integers(2, 6) if old else rng.integers(0, 4)}",
        f"flutter {rng.integers(6, 18) if old else rng.integers(0, 5)}",
        f"voicing {rng.integers(70, 125)}",
        f"consonants {rng.integers(75, 125)} {rng.integers(75, 125)}",
        f"speed {rng.integers(78, 95) if old else rng.integers(92, 112)}",
    ]
    if female or old or rng.uniform() > 0.7:
        lines.append("breath " + " ".join(str(int(value)) for value in rng.uniform(0, 8 if old else 5, 8)))
    if rng.uniform() < 0.3:
        lines.append(f"intonation {rng.integers(1, 5)}")
    return lines
