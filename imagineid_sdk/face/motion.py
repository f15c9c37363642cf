"""How the face moves: lips that say the words, the emotion, blinks, gaze, brows and the head, sampled with a seed.

What the voice says (`VoiceProfile`) sets the words, the emotion and the moments of stress; what no voice can tell (when
to blink, where to look, how the head sways) is drawn from human statistics. Every random stream is drawn in the order
of time from the seed alone and every reaction to the voice looks at its surroundings only, so a longer clip begins
with the same motion as a shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.actions import ACTION_INDEX, ARKIT_ACTIONS
from imagineid_sdk.face.expression import add_expression, lip_gap
from imagineid_sdk.listening.profile import (
    EMOTIONS,
    MOUTH_ACTIONS,
    TRACK_RATE,
    EmotionTrack,
    ProsodyTrack,
    VoiceProfile,
)

POSE_LIMITS = np.array([20.0, 12.0, 10.0])  # degrees that |yaw|, |pitch|, |roll| stay under
POSE_SPREAD = np.array([4.0, 2.6, 1.9])  # degrees, one standard deviation while speaking, neutral emotion
SILENT_MOTION = 0.4  # share of the head's motion that is left in silence
EYE_ROTATION = np.array([28.0, 22.0])  # degrees that a full eyeLook action turns an eye: sideways, up and down
GAZE_LIMIT = 0.3  # of the eyeLook actions
BLINK_INTERVAL, BLINK_INTERVAL_SIGMA = 3.4, 0.45  # seconds, mean, and log-normal sigma: 17-18 blinks a minute
BLINK_CLOSE, BLINK_OPEN = (0.10, 0.15), (0.15, 0.25)  # seconds, ranges of closing and of opening
SHUT_GAP = 0.05  # lip gap under which a minimum between vowels is a closure (p, b, m)

# Emotion -> (gain of the head's motion, degrees of pitch that the head is held at), at full intensity: agitated
# emotions move the head more, sadness lowers it.
HEAD_MANNER: dict[str, tuple[float, float]] = {
    "neutral": (1.0, 0.0), "happy": (1.25, 0.5), "sad": (0.7, -3.0), "angry": (1.35, -1.5), "surprised": (1.2, 1.5),
    "fearful": (0.9, -0.5), "disgusted": (0.95, 0.5), "contemptuous": (0.9, 2.0),
}  # fmt: skip

# Each kind of motion draws from a stream of its own, so that setting one leaves the others as they were.
_BLINK, _GAZE, _SWAY, _POSTURE, _NOD, _BROW, _MOUTH = range(7)


@dataclass(frozen=True)
class FaceMotion:
    """Everything that moves, per video frame; frame k is the moment (k + 0.5) / fps.

    actions: (T, 52) float32 in 0..1, the order of `ARKIT_ACTIONS`: mouth, emotion, blinks, brows and gaze (eyeLook...).
    head_pose: (T, 3) float32, degrees: yaw (> 0 towards the right of the image), pitch (> 0 up), roll (> 0 clockwise
        in the image).
    """

    fps: float
    actions: np.ndarray
    head_pose: np.ndarray


def animate(
    profile: VoiceProfile,
    *,
    fps: float,
    num_frames: int,
    seed: int,
    emotion: str | None = None,
    emotion_intensity: float | None = None,
    head_motion: float = 1.0,
    blink: float = 1.0,
    gaze: float = 1.0,
) -> FaceMotion:
    """Turns what was heard into motion; the same arguments always give the same motion.

    Args:
        profile: what listening heard.
        fps: video frames a second.
        num_frames: length of the result.
        seed: chooses blinks, gaze, sway of the head and the small asymmetry of the mouth.
        emotion: one of `EMOTIONS`, shown throughout instead of the heard one.
        emotion_intensity: 0..1, instead of the heard one (with `emotion` alone: 0.8).
        head_motion: 0 (still, but breathing) .. 1 (as people move) .. 2.
        blink: 0 (never) .. 1 (17-18 a minute) .. 2 (twice as often).
        gaze: 0 (eyes stay on the viewer) .. 1 .. 2 (looks away farther and more often).

    Raises:
        OptionError: a value outside its range, or an unknown emotion.
    """
    _check(fps, num_frames, emotion, emotion_intensity, head_motion, blink, gaze)
    moments = (np.arange(num_frames) + 0.5) / fps
    emotions = _resample(_emotion_weights(profile.emotion, emotion, emotion_intensity), moments)
    voice = _listen_for_stress(profile.prosody)
    activity = _resample(voice.activity, moments)
    head_pose = _head_pose(moments, voice, activity, emotions, seed, head_motion)
    looks = _fixations(moments[-1], seed, gaze)

    actions = np.zeros((num_frames, len(ARKIT_ACTIONS)), dtype=np.float32)
    actions[:, _MOUTH_COLUMNS] = _mouth(profile.content.actions, fps, num_frames, seed)
    actions = add_expression(actions, emotions)
    _add_brows(actions, moments, voice, seed)
    _add_gaze(actions, moments, looks, head_pose, gaze)
    _add_blinks(actions, moments, fps, voice, looks, seed, blink)
    # Rounded: the last bits of what was heard depend on where tensors lie in memory.
    actions = np.clip(np.round(actions, 4), 0.0, 1.0)
    return FaceMotion(float(fps), actions.astype(np.float32), np.round(head_pose, 3).astype(np.float32))


def _check(
    fps: float,
    num_frames: int,
    emotion: str | None,
    intensity: float | None,
    head_motion: float,
    blink: float,
    gaze: float,
) -> None:
    if not (np.isfinite(fps) and fps > 0):
        raise OptionError(f"fps is {fps}; expected a number of frames a second above 0, such as 25.")
    if num_frames < 1:
        raise OptionError(f"num_frames is {num_frames}; expected at least 1: round(duration x fps).")
    if emotion is not None and emotion not in EMOTIONS:
        raise OptionError(f"emotion is {emotion!r}; expected one of {', '.join(EMOTIONS)}.")
    for name, value, top in (
        ("emotion_intensity", intensity, 1),
        ("head_motion", head_motion, 2),
        ("blink", blink, 2),
        ("gaze", gaze, 2),
    ):
        if value is not None and not 0 <= value <= top:
            raise OptionError(f"{name} is {value}; expected a number from 0 to {top}.")


# --- lips -----------------------------------------------------------------------------------------------------------


def _mouth(content: np.ndarray, fps: float, num_frames: int, seed: int) -> np.ndarray:
    """(num_frames, mouth actions): the words at the video's rate, with a mouth that is not quite symmetric."""
    frames = _cubic(content, _mouth_positions(content, fps, num_frames))
    skew = float(np.clip(_random(seed, _MOUTH).normal(0.0, 0.05), -0.1, 0.1))
    return np.clip(frames * (1.0 + skew * _MOUTH_SIDES), 0.0, 1.0)


def _mouth_positions(content: np.ndarray, fps: float, num_frames: int) -> np.ndarray:
    """(num_frames,) positions on the content track, where each frame looks at it: its own moment, but a frame in whose
    time the lips shut looks at the moment when they are shut. No closure is lost between two frames, at any rate."""
    positions = (np.arange(num_frames) + 0.5) / fps * TRACK_RATE - 0.5
    closures, gaps = _closures(content)
    frames = np.floor((closures + 0.5) / TRACK_RATE * fps).astype(int)
    inside = frames < num_frames
    order = np.argsort(-gaps[inside], kind="stable")  # of two closures in one frame the tighter is written last
    positions[frames[inside][order]] = closures[inside][order]
    return np.clip(positions, 0.0, len(content) - 1.0)


def _closures(content: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples where the lips come together between more open moments, and their lip gaps."""
    gap = _mouth_gap(content)
    padded = np.pad(gap, 4, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 9)  # +-80 ms
    before, here, after = padded[3:-5], padded[4:-4], padded[5:-3]
    rises = around.max(axis=1) > here + 0.02
    found = np.flatnonzero((here <= before) & (here < after) & (here < SHUT_GAP) & rises)
    return found, gap[found]


def _mouth_gap(content: np.ndarray) -> np.ndarray:
    actions = np.zeros((len(content), len(ARKIT_ACTIONS)), dtype=np.float32)
    actions[:, _MOUTH_COLUMNS] = content
    return lip_gap(actions)


def _cubic(track: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values of a (T, n) track between its samples by monotone cubics (Fritsch & Carlson 1980): smooth, yet never
    beyond the samples around, so that shut lips stay shut and nothing rings."""
    if len(track) < 2:
        return np.repeat(track[:1], len(positions), axis=0)
    steps = np.diff(track, axis=0)
    product = steps[1:] * steps[:-1]
    total = steps[1:] + steps[:-1]
    slopes = np.zeros_like(track)
    slopes[1:-1] = np.where(product > 0, 2.0 * product / np.where(total == 0, 1.0, total), 0.0)
    index = np.clip(np.floor(positions).astype(int), 0, len(track) - 2)
    t = (positions - index)[:, None]
    smooth = t * t * (3.0 - 2.0 * t)
    return (
        track[index]
        + smooth * steps[index]
        + t * (1.0 - t) ** 2 * slopes[index]
        - t * t * (1.0 - t) * slopes[index + 1]
    )


# --- emotion and stress ---------------------------------------------------------------------------------------------


def _emotion_weights(heard: EmotionTrack, emotion: str | None, intensity: float | None) -> np.ndarray:
    """(T, 8) intensity of each emotion on the track's time, with the caller's wishes in place of what was heard."""
    track = heard.track
    if emotion is not None:
        track = np.zeros_like(heard.track)
        track[:, EMOTIONS.index(emotion)] = 0.8 if intensity is None else intensity
    elif intensity is not None:
        total = track.sum(axis=1, keepdims=True)
        heard_mix = track / np.where(total > 1e-6, total, 1.0)
        track = np.where(total > 1e-6, heard_mix, heard.probabilities[None]) * intensity
    return np.clip(track, 0.0, 1.0)


@dataclass(frozen=True)
class _Stress:
    """What in the voice the head, brows and lids react to; times in seconds."""

    activity: np.ndarray  # (T,) 0..1, how much is being spoken around a sample
    accent_times: np.ndarray
    accent_strengths: np.ndarray  # 0..1
    phrase_ends: np.ndarray


def _listen_for_stress(prosody: ProsodyTrack) -> _Stress:
    """Finds stressed syllables (louder and higher than what surrounds them) and the ends of phrases."""
    speech = np.clip(prosody.speech.astype(np.float64), 0.0, 1.0)
    voiced = (prosody.pitch > 0) * speech
    semitones = 12.0 * np.log2(np.where(prosody.pitch > 0, prosody.pitch, 100.0) / 100.0)
    loudness = np.clip(prosody.loudness.astype(np.float64), -70.0, 0.0)
    higher = _weighted(semitones, voiced, 0.05) - _weighted(semitones, voiced, 1.0)
    louder = _weighted(loudness, speech, 0.06) - _weighted(loudness, speech, 1.0)
    score = (np.clip(higher, -6.0, 6.0) / 4.0 + np.clip(louder, -12.0, 12.0) / 8.0) * (speech > 0.5)
    peaks = _peaks(score, threshold=0.4, distance=0.35)
    strengths = np.clip((score[peaks] - 0.4) / 1.2 + 0.3, 0.0, 1.0)
    return _Stress(_smooth(speech, 0.3), (peaks + 0.5) / TRACK_RATE, strengths, _phrase_ends(speech))


def _phrase_ends(speech: np.ndarray) -> np.ndarray:
    """Seconds at which speech stops for at least a quarter of a second (or for good)."""
    spoken = np.r_[speech > 0.5, False]
    stops = np.flatnonzero(spoken[:-1] & ~spoken[1:]) + 1
    starts = np.r_[np.flatnonzero(~spoken[:-1] & spoken[1:]) + 1, len(spoken) + TRACK_RATE]
    following = starts[np.searchsorted(starts, stops, side="right")]
    return stops[following - stops >= TRACK_RATE // 4] / TRACK_RATE


def _peaks(score: np.ndarray, threshold: float, distance: float) -> np.ndarray:
    """Samples that are the highest within +-distance seconds."""
    half = round(distance * TRACK_RATE)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(score, half, mode="edge"), 2 * half + 1)
    return np.flatnonzero((score > threshold) & (around.argmax(axis=1) == half))


def _weighted(values: np.ndarray, weights: np.ndarray, seconds: float) -> np.ndarray:
    """Local mean over a Gaussian of so many seconds, of the samples that count."""
    total = _smooth(weights, seconds)
    return _smooth(values * weights, seconds) / np.maximum(total, 1e-4)


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    sigma = seconds * TRACK_RATE
    reach = int(np.ceil(3.0 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")


# --- head -----------------------------------------------------------------------------------------------------------


def _head_pose(
    moments: np.ndarray, voice: _Stress, activity: np.ndarray, emotions: np.ndarray, seed: int, head_motion: float
) -> np.ndarray:
    """(T, 3) degrees. Posture that shifts and holds, a slow sway on top, nods on stressed syllables, a settling at the
    end of phrases, and breathing. People turn their heads mostly below 2 Hz and more while they speak
    (Hadar et al. 1983; Munhall et al. 2004)."""
    manner = np.array([HEAD_MANNER[name] for name in EMOTIONS])
    gain = (SILENT_MOTION + (1.0 - SILENT_MOTION) * activity) * (1.0 + emotions @ (manner[:, 0] - 1.0))
    unit = 0.8 * _posture(moments, seed) + 0.6 * _sway(moments, seed)
    pose = unit * POSE_SPREAD * gain[:, None]
    pose[:, 2] += 0.2 * pose[:, 0]  # a turned head also tilts
    pose[:, 1] += _nods(moments, voice, seed) * gain + emotions @ manner[:, 1]
    pose *= head_motion
    pose[:, 1] += 0.35 * np.sin(2.0 * np.pi * 0.25 * moments + _random(seed, _NOD, 1).uniform(0.0, 2.0 * np.pi))
    return POSE_LIMITS * np.tanh(pose / POSE_LIMITS)


def _sway(moments: np.ndarray, seed: int) -> np.ndarray:
    """(T, 3) of unit variance: 1/f noise between 0.08 and 1.8 Hz as a sum of sines, so it is defined at any moment."""
    random = _random(seed, _SWAY)
    count = 18
    octaves = (np.arange(count) + random.uniform(0.0, 1.0, (3, count))) / count
    frequencies = 0.08 * (1.8 / 0.08) ** octaves
    amplitudes = frequencies**-0.5
    amplitudes *= np.sqrt(2.0 / (amplitudes**2).sum(axis=1, keepdims=True))
    phases = random.uniform(0.0, 2.0 * np.pi, (3, count))
    sway = np.zeros((3, len(moments)))
    for amplitude, frequency, phase in zip(amplitudes.T, frequencies.T, phases.T, strict=True):
        sway += amplitude[:, None] * np.sin(2.0 * np.pi * np.outer(frequency, moments) + phase[:, None])
    return sway.T


def _posture(moments: np.ndarray, seed: int) -> np.ndarray:
    """(T, 3) of about unit variance: a new posture every few seconds, reached in one smooth move and then held."""
    starts = np.r_[0.0, _schedule(_random(seed, _POSTURE), moments[-1], mean=2.6, sigma=0.5, shortest=1.2)]
    targets = np.clip(_random(seed, _POSTURE, 1).normal(0.0, 1.0, (len(starts), 3)), -2.0, 2.0)
    steps = np.diff(targets, axis=0, prepend=targets[:1])
    lengths = 0.6 + 0.15 * np.abs(steps).max(axis=1)  # seconds: farther moves take longer
    index = np.searchsorted(starts, moments, side="right") - 1
    moved = _minimum_jerk(np.clip((moments - starts[index]) / lengths[index], 0.0, 1.0))
    return targets[index] - (1.0 - moved)[:, None] * steps[index]


def _nods(moments: np.ndarray, voice: _Stress, seed: int) -> np.ndarray:
    """(T,) degrees of pitch: a small nod with every other stressed syllable, a lowering after a phrase."""
    random = _random(seed, _NOD)
    draws = random.uniform(0.0, 1.0, (len(voice.accent_times), 2))
    pitch = np.zeros(len(moments))
    for time, strength, (chance, size) in zip(voice.accent_times, voice.accent_strengths, draws, strict=True):
        if chance < 0.55:
            _add_bump(pitch, moments, time + 0.05, rise=0.26, fall=0.40, height=-(0.8 + 1.6 * size) * strength)
    for time in voice.phrase_ends:
        _add_bump(pitch, moments, time + 0.25, rise=0.50, fall=1.20, height=-1.0)
    return pitch


# --- brows, eyes ----------------------------------------------------------------------------------------------------


def _add_brows(actions: np.ndarray, moments: np.ndarray, voice: _Stress, seed: int) -> None:
    """Raises the brows on about half of the stressed syllables, and lets them live a little in between."""
    draws = _random(seed, _BROW).uniform(0.0, 1.0, (len(voice.accent_times), 2))
    raise_ = np.zeros(len(moments))
    for time, strength, (chance, size) in zip(voice.accent_times, voice.accent_strengths, draws, strict=True):
        if chance < 0.5:
            _add_bump(raise_, moments, time, rise=0.22, fall=0.55, height=(0.12 + 0.28 * size) * strength)
    slow = _sway(moments, seed + 1)[:, 0] * 0.03
    raise_ = np.minimum(raise_, 0.45)
    actions[:, ACTION_INDEX["browInnerUp"]] += raise_ + np.maximum(slow, 0.0)
    for side in ("Left", "Right"):
        actions[:, ACTION_INDEX["browOuterUp" + side]] += 0.8 * raise_ + 0.5 * np.maximum(slow, 0.0)
        actions[:, ACTION_INDEX["browDown" + side]] += np.maximum(-slow, 0.0)


@dataclass(frozen=True)
class _Fixations:
    """Where the eyes rest: targets (n, 2) in eyeLook actions (right of the image, up), from times (n,) on."""

    times: np.ndarray
    targets: np.ndarray


def _fixations(end: float, seed: int, gaze: float) -> _Fixations:
    """Mostly the viewer, with small shifts over the viewer's face and now and then a look away that soon returns."""
    random = _random(seed, _GAZE)
    times, targets = [0.0], [np.zeros(2)]
    away = False
    while times[-1] < end:
        chance, length, sideways, upwards, side = random.uniform(size=5)
        stay = 0.45 + 0.6 * length if away else 0.7 + 2.6 * length**1.5
        away = not away and bool(chance < 0.3 * gaze)
        size = np.array([(0.12 + 0.14 * sideways) * (1 if side < 0.5 else -1), 0.28 * (upwards - 0.45)])
        small = 0.06 * (np.array([sideways, upwards]) - 0.5)
        times.append(times[-1] + stay)
        targets.append((size if away else small) * gaze)
    return _Fixations(np.array(times), np.array(targets))


def _add_gaze(actions: np.ndarray, moments: np.ndarray, looks: _Fixations, head_pose: np.ndarray, gaze: float) -> None:
    """Moves the eyes in saccades from target to target; a turning head leaves them on their target, as the
    vestibulo-ocular reflex does."""
    index = np.searchsorted(looks.times, moments, side="right") - 1
    previous = looks.targets[np.maximum(index - 1, 0)]
    size = np.linalg.norm(looks.targets[index] - previous, axis=1) * EYE_ROTATION[0]
    duration = 0.021 + 0.0022 * size  # seconds, the main sequence of saccades (Carpenter 1988)
    moved = _minimum_jerk(np.clip((moments - looks.times[index]) / duration, 0.0, 1.0))[:, None]
    target = previous + moved * (looks.targets[index] - previous)
    limit = GAZE_LIMIT * max(1.0, gaze)
    look = np.clip(target - head_pose[:, :2] / EYE_ROTATION, -limit, limit)
    right, up = look[:, 0], look[:, 1]
    for name, value in (
        ("eyeLookOutLeft", right), ("eyeLookInRight", right), ("eyeLookInLeft", -right), ("eyeLookOutRight", -right),
        ("eyeLookUpLeft", up), ("eyeLookUpRight", up), ("eyeLookDownLeft", -up), ("eyeLookDownRight", -up),
    ):  # fmt: skip
        actions[:, ACTION_INDEX[name]] = np.maximum(value, 0.0)
    lids = 0.3 * np.maximum(-up, 0.0)  # the upper lid follows the eye down
    actions[:, ACTION_INDEX["eyeBlinkLeft"]] += lids
    actions[:, ACTION_INDEX["eyeBlinkRight"]] += lids


def _add_blinks(
    actions: np.ndarray, moments: np.ndarray, fps: float, voice: _Stress, looks: _Fixations, seed: int, blink: float
) -> None:
    """Blinks at the rate of people at rest (about 17 a minute, Bentivoglio et al. 1997), drawn to the ends of phrases
    and to large shifts of gaze. The lids always meet on a frame, so no blink is lost at a low frame rate."""
    if blink == 0:
        return
    times = _blink_times(moments[-1], voice, looks, seed, blink)
    speeds = _random(seed, _BLINK, 1).uniform(0.0, 1.0, (len(times), 2))
    shut = np.zeros(len(moments))
    for time, speed in zip(times, speeds, strict=True):
        rise = BLINK_CLOSE[0] + speed[0] * (BLINK_CLOSE[1] - BLINK_CLOSE[0])
        fall = BLINK_OPEN[0] + speed[1] * (BLINK_OPEN[1] - BLINK_OPEN[0])
        _add_bump(shut, moments, (round(time * fps - 0.5) + 0.5) / fps, rise, fall, 1.0)
    shut = np.minimum(shut, 1.0)
    for side in ("Left", "Right"):
        for name, share in (("eyeWide", 1.0), ("eyeSquint", 0.5)):
            actions[:, ACTION_INDEX[name + side]] *= 1.0 - share * shut
        lid = actions[:, ACTION_INDEX["eyeBlink" + side]]
        actions[:, ACTION_INDEX["eyeBlink" + side]] = np.maximum(lid, shut)


def _blink_times(end: float, voice: _Stress, looks: _Fixations, seed: int, blink: float) -> np.ndarray:
    shifts = np.linalg.norm(np.diff(looks.targets, axis=0), axis=1) > 0.12
    magnets = np.sort(np.r_[voice.phrase_ends + 0.1, looks.times[1:][shifts] + 0.02])
    mean = BLINK_INTERVAL / blink
    times = _schedule(_random(seed, _BLINK), end, mean=mean, sigma=BLINK_INTERVAL_SIGMA, shortest=min(0.8, mean / 2))
    if len(magnets):
        nearest = magnets[np.abs(magnets[:, None] - times).argmin(axis=0)] if len(times) else times
        times = np.where(np.abs(nearest - times) < 0.5, nearest, times)
    times = np.unique(times)
    return times[np.r_[True, np.diff(times) > 0.45]] if len(times) else times


# --- shapes and streams ---------------------------------------------------------------------------------------------


def _random(seed: int, stream: int, part: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed % 2**63, stream, part])


def _schedule(random: np.random.Generator, end: float, mean: float, sigma: float, shortest: float) -> np.ndarray:
    """Moments until `end` (seconds) with log-normal intervals; the first comes after about half an interval."""
    count = int(end / shortest) + 2
    intervals = np.clip(random.lognormal(np.log(mean) - 0.5 * sigma**2, sigma, count), shortest, 2.5 * mean)
    intervals[0] *= 0.5
    times = np.cumsum(intervals)
    return times[times < end]


def _add_bump(track: np.ndarray, moments: np.ndarray, time: float, rise: float, fall: float, height: float) -> None:
    """Adds a smooth rise to `height` at `time` and a fall back to nothing; both lengths in seconds."""
    first, last = np.searchsorted(moments, (time - rise, time + fall))
    apart = moments[first:last] - time
    track[first:last] += height * 0.5 * (1.0 + np.cos(np.pi * apart / np.where(apart < 0, rise, fall)))


def _minimum_jerk(t: np.ndarray) -> np.ndarray:
    """0..1 to 0..1 with no jump in speed or acceleration (Flash & Hogan 1985)."""
    return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)


def _resample(track: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """A (T,) or (T, n) track of listening at the given moments (seconds), linear between its samples."""
    positions = np.clip(moments * TRACK_RATE - 0.5, 0.0, len(track) - 1.0)
    index = np.minimum(positions.astype(int), max(len(track) - 2, 0))
    share = positions - index
    following = np.minimum(index + 1, len(track) - 1)
    share = share.reshape(-1, *([1] * (track.ndim - 1)))
    return track[index] * (1.0 - share) + track[following] * share


_MOUTH_COLUMNS = [ACTION_INDEX[name] for name in MOUTH_ACTIONS]
_MOUTH_SIDES = np.array(
    [1.0 if name.endswith("Left") else -1.0 if name.endswith("Right") else 0.0 for name in MOUTH_ACTIONS]
) * np.array([0.0 if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight") else 1.0 for name in MOUTH_ACTIONS])
