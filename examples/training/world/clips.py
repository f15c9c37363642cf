"""Smooth trajectories: consecutive frames of a talking person, for judging coherence over time."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from imagineid_sdk.face.animation.expression import EXPRESSIONS

from .camera import HeadPose
from .expressions import POSE_LIMIT, POSE_SPREAD, VISEMES
from .head import Head

FPS = 25.0
COARTICULATION = 0.045  # seconds: standard deviation of the blur over mouth shapes
PHONE_SECONDS = (0.06, 0.16)
PAUSE_SECONDS, PAUSE_SHARE = (0.25, 0.8), 0.08
BLINK_INTERVAL, BLINK_CLOSING, BLINK_OPENING = 3.5, 0.08, 0.16  # seconds
FIXATION_SECONDS, GAZE_SPREAD = (0.4, 2.5), 0.16  # in units of a full eyeLook action
POSE_BLUR = 0.35  # seconds


def random_clip(
    head: Head, rng: np.random.Generator, frames: int, fps: float = FPS
) -> tuple[np.ndarray, list[HeadPose]]:
    """Actions (frames, 52) 0..1 and head poses of one person who talks, pauses, blinks, glances and moves."""
    time = (np.arange(frames) + 0.5) / fps
    actions = _speech(head, rng, time, fps) + _emotion(head, rng, time)
    actions += np.outer(_accents(rng, time), head.action_vector({"browInnerUp": 0.5, "browOuterUp": 0.6}))
    actions += _gaze(head, rng, time)
    blink = head.action_vector({"eyeBlink": 1.0})
    actions = np.maximum(actions, np.outer(_blinks(rng, time), blink))
    angles = _head_motion(rng, frames, fps)
    return np.clip(actions, 0, 1).astype(np.float32), [HeadPose(*(float(a) for a in frame)) for frame in angles]


def _speech(head: Head, rng: np.random.Generator, time: np.ndarray, fps: float) -> np.ndarray:
    shapes = np.array([head.action_vector(viseme) for viseme in VISEMES])
    track = np.zeros((len(time), shapes.shape[1]))
    start = 0.0
    while start < time[-1]:
        pause = rng.uniform() < PAUSE_SHARE
        end = start + rng.uniform(*(PAUSE_SECONDS if pause else PHONE_SECONDS))
        if not pause:
            track[(time >= start) & (time < end)] = shapes[rng.integers(len(shapes))] * rng.uniform(0.5, 1.1)
        start = end
    return gaussian_filter1d(track, COARTICULATION * fps, axis=0, mode="nearest")


def _emotion(head: Head, rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """One emotion that comes and goes slowly, in two clips of three."""
    shape = head.action_vector(list(EXPRESSIONS.values())[rng.integers(1, len(EXPRESSIONS))])
    peak = rng.uniform(0.2, 0.9) * (rng.uniform() < 2 / 3)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * time / rng.uniform(4, 9) + rng.uniform(0, 2 * np.pi))
    return np.outer(peak * swell, shape)


def _accents(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Brows rise for half a second, once in two seconds on average."""
    track = np.zeros(len(time))
    for center in rng.uniform(time[0], time[-1], rng.poisson(0.5 * (time[-1] - time[0]))):
        track += rng.uniform(0.2, 0.8) * np.exp(-0.5 * ((time - center) / 0.12) ** 2)
    return np.minimum(track, 1)


def _blinks(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    track = np.zeros(len(time))
    moment = rng.exponential(BLINK_INTERVAL)
    while moment < time[-1]:
        closing, opening = 1 + (time - moment) / BLINK_CLOSING, 1 - (time - moment) / BLINK_OPENING
        phase = np.clip(np.minimum(closing, opening), 0, 1)
        track = np.maximum(track, phase * phase * (3 - 2 * phase))
        moment += 0.8 + rng.exponential(BLINK_INTERVAL - 0.8)
    return track


def _gaze(head: Head, rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Eyes rest on one point, then jump to the next."""
    right, up = np.zeros(len(time)), np.zeros(len(time))
    start = 0.0
    while start < time[-1]:
        right[time >= start], up[time >= start] = rng.normal(0, GAZE_SPREAD, 2)
        start += rng.uniform(*FIXATION_SECONDS)
    directions = {
        ("eyeLookOutLeft", "eyeLookInRight"): right,
        ("eyeLookInLeft", "eyeLookOutRight"): -right,
        ("eyeLookUpLeft", "eyeLookUpRight"): up,
        ("eyeLookDownLeft", "eyeLookDownRight"): -up,
    }
    return sum(
        np.outer(np.maximum(amount, 0), head.action_vector(dict.fromkeys(names, 1.0)))
        for names, amount in directions.items()
    )


def _head_motion(rng: np.random.Generator, frames: int, fps: float) -> np.ndarray:
    """(frames, 3) degrees: blurred noise around a slowly held pose."""
    blur = POSE_BLUR * fps
    noise = gaussian_filter1d(rng.normal(0, 1, (frames, 3)), blur, axis=0, mode="wrap")
    noise *= np.sqrt(2 * np.sqrt(np.pi) * blur)  # back to a standard deviation of 1
    held = rng.normal(0, 0.5, 3)
    return np.clip((0.35 * noise + held) * POSE_SPREAD, -POSE_LIMIT, POSE_LIMIT)
