"""Noise and silence: what is still heard at 20, 10 and 5 dB, and whether the mouth shuts when nobody speaks.

Both look at what listening asks of the face, not at pixels: that the pictures follow it is measured elsewhere, and so
many conditions are affordable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.measures import ASKED_SHUT, correlation, silent_frames
from benchmarks.people import Voice, retrieval, sex_agreement
from benchmarks.speech import RATE, Speech, faded, hum, room_noise, speech_level, to_last_sound
from benchmarks.tables import Row
from benchmarks.videos import Bench
from imagineid_sdk.face.animation.expression import lip_gap
from imagineid_sdk.face.animation.motion import animate

FPS = 25.0
NOISE_LEVELS = (20, 10, 5)  # dB of speech above noise
LEVELS = (-10, -20, -30, -40, -50)  # dBFS of the speech
PAUSE = 1.2  # seconds
REACTION = 0.12  # seconds after the end of speech within which the mouth has to be shut
LEAD = 0.08  # seconds before speech begins again, when it may open


def asked_gap(pipe: Any, speech: Speech, seed: int) -> np.ndarray:
    """(T,) lip gap at `FPS` that the motion asks for, neutral in emotion, as lips alone are looked at."""
    count = max(1, round(speech.seconds * FPS))
    motion = animate(pipe.listen(speech.clip), fps=FPS, num_frames=count, seed=seed, emotion="neutral")
    return lip_gap(motion.blendshapes)


def noise_rows(bench: Bench, voices: Sequence[Voice], spoken: Sequence[Speech]) -> list[Row]:
    """Voices, sexes and lips in noise. ``voices``: heard in quiet; ``spoken``: clips whose lips are looked at."""
    phones = [bench.recogniser.hear(speech.samples, RATE) for speech in spoken]
    clean = [asked_gap(bench.pipe, speech, bench.seed) for speech in spoken]
    rows = []
    for decibels in (None, *NOISE_LEVELS):

        def heard(speech: Speech, decibels: int | None = decibels) -> Speech:
            return speech if decibels is None else speech.in_noise(decibels)

        noisy = [Voice(v.speech, bench.pipe.listen(heard(v.speech).clip), None) for v in voices]
        gaps = [asked_gap(bench.pipe, heard(speech), bench.seed) for speech in spoken]
        moments = [(np.arange(len(gap)) + 0.5) / FPS for gap in gaps]
        with_phones = [correlation(g, p.openness(m)) for g, p, m in zip(gaps, phones, moments, strict=True)]
        with_clean = [correlation(g, c) for g, c in zip(gaps, clean, strict=True)]
        cosines = [float(a.profile.embedding @ b.profile.embedding) for a, b in zip(noisy, voices, strict=True)]
        rows.append(
            {
                "speech above noise": "no noise" if decibels is None else f"{decibels} dB",
                "R@1 among clean clips": f"{_noisy_retrieval(noisy, voices):.2f}",
                "embedding to its clean one, cosine": f"{np.mean(cosines):.2f}",
                "sex as known, men / women": sex_agreement(noisy)[0],
                "asked lips to phones, r": f"{np.nanmean(with_phones):.2f}",
                "to lips in quiet, r": f"{np.nanmean(with_clean):.2f}",
                "pauses asked shut": _pauses_shut(spoken, gaps, moments),
            }
        )
    return rows


def _noisy_retrieval(noisy: Sequence[Voice], clean: Sequence[Voice]) -> float:
    """The clean clip of another take must be nearer than any other voice."""
    return retrieval(noisy, clean)


def _pauses_shut(spoken: Sequence[Speech], gaps: Sequence[np.ndarray], moments: Sequence[np.ndarray]) -> str:
    """Where the clean clip is silent, the noise goes on: the mouth still has to be shut."""
    shut = []
    for speech, gap, times in zip(spoken, gaps, moments, strict=True):
        shut.append(gap[silent_frames(speech.samples, times)] < ASKED_SHUT)
    everything = np.concatenate(shut)
    return f"{everything.mean():.0%} of {len(everything)}" if len(everything) else "-"


def silence_rows(bench: Bench, speech: Speech) -> list[Row]:
    """Speech, a pause, the same speech again: at several levels, and with what a pause may hold."""
    part = faded(to_last_sound(speech.samples))
    level = speech_level(part)
    total = 2 * len(part) + int(PAUSE * RATE)
    conditions: list[tuple[str, float, np.ndarray]] = [
        (f"speech at {dbfs} dBFS, digital zero", dbfs, np.zeros(total)) for dbfs in LEVELS
    ]
    conditions += [
        ("hum at -30 dB throughout", -20, hum(total) * level * 10 ** (-30 / 20)),
        ("hum at -15 dB throughout", -20, hum(total) * level * 10 ** (-15 / 20)),
        ("noise at -40 dB throughout", -20, room_noise(total) * level * 10 ** (-40 / 20)),
        ("noise at -20 dB throughout", -20, room_noise(total) * level * 10 ** (-20 / 20)),
        ("noise at -10 dB throughout", -20, room_noise(total) * level * 10 ** (-10 / 20)),
        ("noise at -20 dB in the pause only", -20, _inside(room_noise(total), len(part)) * level * 0.1),
    ]
    usual: np.ndarray | None = None
    rows = []
    for name, dbfs, added in conditions:
        pause = np.zeros(int(PAUSE * RATE), np.float32)
        samples = (np.concatenate([part, pause, part]) + added) * 10 ** (dbfs / 20) / level
        samples = samples / max(1.0, np.abs(samples).max())
        gap = asked_gap(bench.pipe, Speech("silence", samples.astype(np.float32)), bench.seed)
        usual = gap if usual is None else usual
        rows.append({"sound": name} | _silence_cells(gap, len(part) / RATE, usual))
    return [*rows, *_nothing_but(bench, total, level)]


def _silence_cells(gap: np.ndarray, end: float, usual: np.ndarray) -> dict[str, str]:
    moments = (np.arange(len(gap)) + 0.5) / FPS
    after = np.flatnonzero(moments >= end)
    shut = after[gap[after] < ASKED_SHUT]
    late = 1000 * (moments[shut[0]] - end) if len(shut) else float("nan")
    pause = (moments >= end + REACTION) & (moments < end + PAUSE - LEAD)
    speaking = (moments < end) | (moments > end + PAUSE)
    return {
        "asked shut after (ms)": f"{late:.0f}",
        "pause asked shut, from 120 ms on": f"{np.mean(gap[pause] < ASKED_SHUT):.0%}",
        "widest gap there": f"{gap[pause].max():.3f}",
        "lips in speech as in the first row, r": f"{correlation(gap[speaking], usual[speaking]):.2f}",
    }


def _nothing_but(bench: Bench, count: int, level: float) -> list[Row]:
    """Sounds without any speech: the mouth is to stay shut throughout."""
    sounds = {
        "nothing but digital zero": np.zeros(count),
        "nothing but hum at -20 dBFS": hum(count) * 0.1,
        "nothing but noise at -20 dBFS": room_noise(count) * 0.1,
        "nothing but noise at -50 dBFS": room_noise(count) * 10**-2.5,
    }
    rows = []
    for name, samples in sounds.items():
        gap = asked_gap(bench.pipe, Speech("silence", samples.astype(np.float32)), bench.seed)
        rows.append(
            {
                "sound": name,
                "asked shut after (ms)": "-",
                "pause asked shut, from 120 ms on": f"{np.mean(gap < ASKED_SHUT):.0%}",
                "widest gap there": f"{gap.max():.3f}",
                "lips in speech as in the first row, r": "-",
            }
        )
    return rows


def _inside(samples: np.ndarray, part: int) -> np.ndarray:
    """Only what lies in the pause between two parts."""
    result = np.zeros(len(samples))
    result[part:-part] = samples[part:-part]
    return result
