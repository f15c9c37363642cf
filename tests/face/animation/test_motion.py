"""What a viewer would notice in the motion of a face."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.expression import lip_gap
from imagineid_sdk.face.animation.head_pose import POSE_LIMITS
from imagineid_sdk.face.animation.lips import at_rest
from imagineid_sdk.face.animation.motion import Animator, FaceMotion, animate
from imagineid_sdk.face.animation.timing import BLINK, GAZE, random_stream
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX
from imagineid_sdk.imagining.initial_noise import scene_noise
from imagineid_sdk.listening.profile import (
    EMOTIONS,
    MOUTH_BLENDSHAPES,
    TRACK_RATE,
    Attribute,
    ContentTrack,
    EmotionTrack,
    ProsodyTrack,
    Segment,
    VoiceProfile,
)
from imagineid_sdk.seeds import numpy_generator

PHRASE, PAUSE = 2.4, 1.2  # seconds: people say a phrase, then breathe
CONSONANTS_PER_SECOND = 4.0


def speaking_voice(duration: float, emotion: str = "neutral", intensity: float = 0.0) -> VoiceProfile:
    """Someone who says "pa pa pa ..." in phrases: lips shut for 60 ms before each vowel, shut in the pauses."""
    length = round(duration * TRACK_RATE)
    time = (np.arange(length) + 0.5) / TRACK_RATE
    speech = (time % (PHRASE + PAUSE) < PHRASE).astype(np.float32)
    since_closure = np.mod(time, 1.0 / CONSONANTS_PER_SECOND)
    vowel = np.clip(np.minimum(since_closure - 0.06, 0.25 - since_closure) / 0.06, 0.0, 1.0) * speech
    content = np.zeros((length, len(MOUTH_BLENDSHAPES)), dtype=np.float32)
    content[:, MOUTH_BLENDSHAPES.index("jawOpen")] = 0.4 * vowel
    content[:, MOUTH_BLENDSHAPES.index("mouthPressLeft")] = content[:, MOUTH_BLENDSHAPES.index("mouthPressRight")] = (
        0.3 * (1.0 - vowel) * speech
    )
    stress = 0.5 + 0.5 * np.cos(2.0 * np.pi * time / 1.1)
    probabilities = np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index(emotion)]
    return VoiceProfile(
        embedding=np.eye(1, 64, dtype=np.float32)[0],
        gender=Attribute(0.5, 0.1, True),
        age=Attribute(40.0, 10.0, True),
        content=ContentTrack(content),
        emotion=EmotionTrack(
            emotion, intensity, probabilities, np.tile(probabilities * intensity, (length, 1)).astype(np.float32)
        ),
        prosody=ProsodyTrack(
            speech,
            np.where(speech > 0, -26.0 + 8.0 * stress, -70.0).astype(np.float32),
            (speech * (110.0 + 30.0 * stress)).astype(np.float32),
        ),
        duration=duration,
    )


def move(duration: float = 60.0, fps: float = 25.0, seed: int = 3, voice: VoiceProfile | None = None, **options):
    voice = voice or speaking_voice(duration)
    return animate(voice, fps=fps, num_frames=max(round(duration * fps), 1), seed=seed, **options)


def seconds(motion: FaceMotion) -> np.ndarray:
    return (np.arange(len(motion.blendshapes)) + 0.5) / motion.fps


def blendshape(motion: FaceMotion, name: str) -> np.ndarray:
    return motion.blendshapes[:, BLENDSHAPE_INDEX[name]]


def blink_starts(motion: FaceMotion) -> np.ndarray:
    shut = blendshape(motion, "eyeBlinkLeft") > 0.85
    return np.flatnonzero(shut[1:] & ~shut[:-1]) / motion.fps


def in_pauses(motion: FaceMotion) -> np.ndarray:
    return seconds(motion) % (PHRASE + PAUSE) > PHRASE + 0.12


def test_one_entry_for_every_frame_and_everything_in_range():
    for duration, fps in ((0.02, 25), (1.0, 12), (3.3, 29.97), (2.0, 60)):
        motion = move(duration, fps)
        frames = max(round(duration * fps), 1)
        assert motion.blendshapes.shape == (frames, 52) and motion.head_pose.shape == (frames, 3)
        assert motion.blendshapes.dtype == motion.head_pose.dtype == np.float32
        assert motion.blendshapes.min() >= 0 and motion.blendshapes.max() <= 1
        assert np.isfinite(motion.head_pose).all()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_silence_keeps_the_mouth_shut_whatever_the_emotion(emotion):
    motion = move(20, emotion=emotion, emotion_intensity=1.0)
    assert lip_gap(motion.blendshapes)[in_pauses(motion)].max() < 0.01


def test_lips_lie_on_each_other_in_pauses_and_nowhere_else():
    motion = move(20, emotion="neutral")
    gap, press = lip_gap(motion.blendshapes), motion.blendshapes[:, BLENDSHAPE_INDEX["mouthPressLeft"]]
    assert press[in_pauses(motion)].min() > 0.15 and gap[in_pauses(motion)].max() < 0
    jaw = np.linspace(0, 0.5, 40)
    opening = np.zeros((40, len(MOUTH_BLENDSHAPES)), np.float32)
    opening[:, MOUTH_BLENDSHAPES.index("jawOpen")] = jaw
    rested = at_rest(opening)
    assert np.array_equal(rested[jaw > 0.1], opening[jaw > 0.1]), "speaking lips stay as they were heard"
    assert np.abs(np.diff(rested, axis=0)).max() < 0.05


@pytest.mark.parametrize("fps", [12, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 60])
def test_no_closure_of_the_lips_is_lost_at_any_frame_rate(fps):
    motion = move(20, fps)
    gap, time = lip_gap(motion.blendshapes), seconds(motion)
    for closure in np.arange(0.25, 19.5, 1.0 / CONSONANTS_PER_SECOND):
        if 0.2 < closure % (PHRASE + PAUSE) < PHRASE - 0.2:
            near = np.abs(time - (closure + 0.03)) < 0.5 / fps + 0.05
            assert gap[near].min() < 0.03, f"lips stay open at {closure:.2f} s"


def test_vowels_stay_open():
    for fps in (12, 25, 60):
        motion = move(20, fps)
        assert np.quantile(lip_gap(motion.blendshapes), 0.9) > 0.12


def test_lips_do_not_run_ahead_or_behind():
    voice = speaking_voice(20)
    wanted = voice.content.blendshapes[:, MOUTH_BLENDSHAPES.index("jawOpen")]
    motion = move(20, 50, voice=voice)
    lags = range(-5, 6)
    fit = [np.corrcoef(np.roll(wanted, lag)[10:-10], blendshape(motion, "jawOpen")[10:-10])[0, 1] for lag in lags]
    assert list(lags)[int(np.argmax(fit))] == 0 and max(fit) > 0.95


def test_people_blink_at_a_human_rate_and_never_stare():
    rates, gaps = [], []
    for seed in range(8):
        starts = blink_starts(move(seed=seed))
        rates.append(len(starts))
        gaps.append(np.diff(np.r_[0, starts, 60]).max())
    assert 13 <= np.mean(rates) <= 22
    assert max(gaps) < 10
    assert np.std(np.diff(starts)) > 0.5, "blinks like a clock"


def test_each_blink_shuts_the_eyes_even_at_a_low_frame_rate():
    for fps in (12, 25):
        motion = move(60, fps)
        lid = blendshape(motion, "eyeBlinkLeft")
        assert (lid > 0.99).sum() >= 13
        assert np.array_equal(lid > 0.5, blendshape(motion, "eyeBlinkRight") > 0.5)


def test_blinks_can_be_turned_off_and_up():
    assert len(blink_starts(move(blink=0.0))) == 0
    assert len(blink_starts(move(blink=2.0))) > 1.5 * len(blink_starts(move(blink=1.0)))


def test_the_head_moves_as_people_do():
    spread = np.mean([move(seed=seed).head_pose.std(axis=0) for seed in range(8)], axis=0)
    assert 2.2 < spread[0] < 4.5 and 1.4 < spread[1] < 3.2 and 1.0 < spread[2] < 2.6


def test_the_head_never_freezes_and_never_jumps():
    for seed in range(4):
        pose = move(seed=seed).head_pose
        speed = np.abs(np.diff(pose, axis=0)) * 25
        acceleration = np.abs(np.diff(pose, 2, axis=0)) * 25**2
        windows = np.lib.stride_tricks.sliding_window_view(pose, 50, axis=0)
        assert np.ptp(windows, axis=-1).sum(axis=1).min() > 0.3, "frozen for two seconds"
        assert speed.max() < 40 and acceleration.max() < 300


def test_the_head_keeps_within_its_limits():
    for seed in range(6):
        pose = move(voice=speaking_voice(60, "angry", 1.0), seed=seed, head_motion=2.0).head_pose
        assert (np.abs(pose) < POSE_LIMITS).all()


def test_a_still_head_only_breathes():
    pose = move(head_motion=0.0).head_pose
    assert 0.2 < np.ptp(pose[:, 1]) < 1.5
    assert np.ptp(pose[:, [0, 2]]) < 0.2


def test_the_head_moves_more_in_speech_than_in_silence():
    silence = speaking_voice(60)
    quiet = ProsodyTrack(
        np.zeros_like(silence.prosody.speech),
        np.full_like(silence.prosody.loudness, -70.0),
        np.zeros_like(silence.prosody.pitch),
    )
    still = VoiceProfile(**{**silence.__dict__, "prosody": quiet})
    speaking = np.mean([move(seed=s).head_pose.std(axis=0) for s in range(4)])
    silent = np.mean([move(voice=still, seed=s).head_pose.std(axis=0) for s in range(4)])
    assert 0.1 < silent / speaking < 0.7


def test_brows_rise_with_stress():
    brow = blendshape(move(), "browInnerUp")
    assert 0.15 < brow.max() < 0.6
    assert 0.05 < (brow > 0.1).mean() < 0.5


def test_eyes_stay_mostly_on_the_viewer_but_do_not_stare():
    motion = move()
    right = blendshape(motion, "eyeLookOutLeft") - blendshape(motion, "eyeLookInLeft")
    left, other = blendshape(motion, "eyeLookOutLeft"), blendshape(motion, "eyeLookInRight")
    assert np.array_equal(left, other), "eyes point together"
    assert np.abs(right).max() <= 0.3 + 1e-6
    looked_at = right * 28 + motion.head_pose[:, 0]  # degrees from the camera
    assert (np.abs(looked_at) < 3).mean() > 0.6
    assert np.abs(looked_at).max() > 3
    steady = move(gaze=0.0)
    right = blendshape(steady, "eyeLookOutLeft") - blendshape(steady, "eyeLookInLeft")
    assert (np.abs(right * 28 + steady.head_pose[:, 0]) < 1).mean() > 0.95


def test_same_seed_same_motion_other_seed_other_motion():
    first, again, other = move(5, seed=1), move(5, seed=1), move(5, seed=2)
    assert np.array_equal(first.blendshapes, again.blendshapes) and np.array_equal(first.head_pose, again.head_pose)
    assert not np.allclose(first.head_pose, other.head_pose, atol=0.5)


def test_a_longer_clip_begins_with_the_same_motion():
    short, long = move(20), move(60)
    frames = 10 * 25
    assert np.allclose(short.head_pose[:frames], long.head_pose[:frames], atol=1e-3)
    assert np.allclose(short.blendshapes[:frames], long.blendshapes[:frames], atol=1e-4)


def followed(voice: VoiceProfile, hop: float, ahead: float, fps: float = 25.0, seed: int = 3) -> FaceMotion:
    """The motion of a voice that is heard `hop` seconds at a time with `ahead` seconds of what follows."""
    end, parts, animator = len(voice.content.blendshapes), [], Animator(fps=fps, seed=seed)
    for begin in range(0, end, round(hop * TRACK_RATE)):
        settled = min(end, begin + round(hop * TRACK_RATE))
        known = slice(max(0, begin - 300), min(end, settled + round(ahead * TRACK_RATE)))
        tracks = (getattr(voice.prosody, name)[known] for name in ("speech", "loudness", "pitch"))
        emotion = EmotionTrack("neutral", 0.0, voice.emotion.probabilities, voice.emotion.track[known])
        content = ContentTrack(voice.content.blendshapes[known])
        segment = Segment(known.start, settled, content, emotion, ProsodyTrack(*tracks), settled == end)
        count = int(settled / TRACK_RATE * fps + 0.5) - animator.frames_made
        parts.append(animator.advance(segment, count))
    return FaceMotion(fps, np.concatenate([p.blendshapes for p in parts]), np.concatenate([p.head_pose for p in parts]))


def test_motion_in_segments_is_the_motion_of_the_whole():
    voice = speaking_voice(30)
    whole, parts = move(30, voice=voice), followed(voice, hop=1.0, ahead=6.0)
    assert np.allclose(parts.head_pose, whole.head_pose, atol=0.02)
    assert np.allclose(parts.blendshapes, whole.blendshapes, atol=0.01)


def test_with_little_look_ahead_the_motion_is_as_smooth_and_the_lips_are_the_same():
    voice = speaking_voice(30)
    whole, parts = move(30, voice=voice), followed(voice, hop=0.2, ahead=0.16)
    assert np.abs(lip_gap(parts.blendshapes) - lip_gap(whole.blendshapes)).mean() < 0.01
    assert np.abs(parts.head_pose - whole.head_pose).mean() < 0.6
    speed = np.abs(np.diff(parts.head_pose, axis=0)) * 25
    acceleration = np.abs(np.diff(parts.head_pose, 2, axis=0)) * 25**2
    assert speed.max() < 40 and acceleration.max() < 300
    assert abs(len(blink_starts(parts)) - len(blink_starts(whole))) <= 2


def test_other_frame_rates_show_the_same_motion():
    slow, fast = move(20, 25), move(20, 50)
    between = (fast.head_pose[0::2] + fast.head_pose[1::2]) / 2  # the moments of the slow frames
    assert np.abs(slow.head_pose - between).max() < 0.1


def test_the_heard_emotion_shows_and_the_lips_still_close():
    calm, happy = move(20), move(20, voice=speaking_voice(20, "happy", 1.0))
    assert blendshape(happy, "mouthSmileLeft").mean() > blendshape(calm, "mouthSmileLeft").mean() + 0.4
    closed = lip_gap(calm.blendshapes) < 0.0
    assert closed.any() and lip_gap(happy.blendshapes)[closed].max() < 0.01


def test_a_chosen_emotion_replaces_the_heard_one():
    voice = speaking_voice(5, "happy", 1.0)
    sad = move(5, voice=voice, emotion="sad", emotion_intensity=1.0)
    faint = move(5, voice=voice, emotion_intensity=0.2)
    assert blendshape(sad, "mouthSmileLeft").max() < 0.05 and blendshape(sad, "mouthFrownLeft").min() > 0.4
    assert 0.05 < blendshape(faint, "mouthSmileLeft").max() < 0.3


def test_mouths_are_a_little_uneven_and_each_in_its_own_way():
    voice = speaking_voice(5)
    voice.content.blendshapes[:, MOUTH_BLENDSHAPES.index("mouthStretchLeft")] = 0.5
    voice.content.blendshapes[:, MOUTH_BLENDSHAPES.index("mouthStretchRight")] = 0.5
    skews = [
        float((blendshape(m, "mouthStretchLeft") - blendshape(m, "mouthStretchRight")).mean())
        for m in (move(5, voice=voice, seed=seed) for seed in range(6))
    ]
    assert len(set(skews)) == 6 and 0.005 < np.abs(skews).mean() < 0.1


@pytest.mark.parametrize(
    "options",
    [{"head_motion": 2.5}, {"blink": -1.0}, {"gaze": float("nan")}, {"emotion": "bored"}, {"emotion_intensity": 7.0}],
)
def test_options_out_of_range_are_refused_by_name(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        move(1, **options)


def test_no_frames_or_no_rate_are_refused():
    voice = speaking_voice(1)
    with pytest.raises(OptionError, match="num_frames"):
        animate(voice, fps=25, num_frames=0, seed=0)
    with pytest.raises(OptionError, match="fps"):
        animate(voice, fps=0, num_frames=25, seed=0)


def test_neighbouring_seeds_share_no_movement():
    def brows(seed: int) -> np.ndarray:
        return blendshape(move(60, seed=seed, voice=silence()), "browInnerUp")

    def sway(seed: int) -> np.ndarray:
        return move(60, seed=seed, voice=silence()).head_pose[:, 0]

    correlations = [np.corrcoef(brows(seed), sway(seed + 1))[0, 1] for seed in range(6)]
    assert np.abs(correlations).mean() < 0.35
    noise = [scene_noise(SimpleNamespace(seed=seed), (1, 16, 16, 16)).flatten().numpy() for seed in (6, 7)]
    face = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(7)).flatten().numpy()
    assert abs(np.corrcoef(noise[0], face)[0, 1]) < 0.05 and abs(np.corrcoef(*noise)[0, 1]) < 0.05


def silence() -> VoiceProfile:
    voice = speaking_voice(60)
    quiet = ProsodyTrack(*(np.full_like(voice.prosody.speech, value) for value in (0.0, -70.0, 0.0)))
    return replace(voice, prosody=quiet)


def test_motion_can_be_compared_and_printed():
    motion = move(1)
    assert motion == motion and motion in {motion} and motion != move(1)
    assert repr(motion) == "FaceMotion(fps=25.0)" and len(motion) == 25


def test_what_moves_has_nothing_to_do_with_who_it_is_nor_with_other_seeds():
    streams = [numpy_generator(7), *(random_stream(seed, kind) for seed in (7, 7 + 2**32) for kind in (BLINK, GAZE))]
    assert len({tuple(stream.uniform(size=4)) for stream in streams}) == len(streams)
