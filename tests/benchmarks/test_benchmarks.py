"""The rulers themselves: measures whose right answer is known."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cv2")  # comes with the extra `quality`

from benchmarks.features import frechet  # noqa: E402
from benchmarks.judges import RIGID, Face, _skin_template, skin_flicker  # noqa: E402
from benchmarks.landmarks import LandmarkJudge, Shown  # noqa: E402
from benchmarks.measures import blink_seconds, rank_correlation, turning_spectrum  # noqa: E402
from benchmarks.people import Voice, retrieval  # noqa: E402
from benchmarks.reliability import reliability_rows, save_plot  # noqa: E402
from benchmarks.speech import RATE, Speech, active_level, first_takes, to_last_sound  # noqa: E402
from benchmarks.tables import rows_of  # noqa: E402

RANDOM = np.random.default_rng(0)


def _tone(seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * 200 * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def _frames(count: int, error: float = 0.0) -> list[Shown]:
    """Faces that are shifted, turned and scaled, with landmarks that lie beside known points of theirs."""
    shape = RANDOM.normal(size=(468, 2)) * 60
    frames = []
    for _ in range(count):
        angle, size = RANDOM.normal() * 0.2, RANDOM.uniform(0.8, 1.2)
        turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        wobble = RANDOM.normal(size=(468, 2)) * 3
        wobble[[33, 263]] = 0  # the eye corners carry the frame of the face
        wobble[100:212] = 0
        points = (shape + wobble) @ turn.T + RANDOM.normal(size=2) * 10
        landmarks = points[100:212] + np.array([4.0, -2.0]) @ turn.T + [error, 0]
        frames.append(Shown(Face(np.c_[points, np.zeros(468)], np.zeros(4), 1.0), landmarks))
    return frames


def test_landmarks_find_their_points_and_measure_the_error():
    RANDOM.bit_generator.state = np.random.default_rng(1).bit_generator.state
    judge = LandmarkJudge.calibrate(_frames(40))
    RANDOM.bit_generator.state = np.random.default_rng(1).bit_generator.state  # the same face again
    assert judge.summary(_frames(40), width=256)[0] < 0.1
    RANDOM.bit_generator.state = np.random.default_rng(1).bit_generator.state
    assert judge.summary(_frames(40, error=5.0), width=512)[0] == pytest.approx(2.5, abs=0.1)


def test_skin_that_boils_flickers_and_the_edge_of_hair_before_it_does_not():
    points = np.zeros((468, 3))
    points[list(RIGID), :2] = _skin_template(96)[1]
    faces = [Face(points, np.zeros(4), 1.0)] * 20
    skin = np.full((20, 96, 96, 3), 150.0)
    boiling = skin + RANDOM.normal(0, 2, (20, 96, 96, 1))
    fringe = skin.copy()
    for moment in range(20):  # a dark edge that sways over the left of the forehead
        fringe[moment, :26, : 34 + moment % 3] = 30
    assert skin_flicker(skin.astype(np.uint8), faces) == 0
    assert skin_flicker(boiling.astype(np.uint8), faces) == pytest.approx(2 * 6**0.5, rel=0.2)  # (1, -2, 1)
    assert skin_flicker(fringe.astype(np.uint8), faces) == 0


def test_frechet_distance_of_shifted_crowds():
    crowd = RANDOM.normal(size=(400, 5))
    assert frechet(crowd, crowd) == pytest.approx(0, abs=1e-6)
    assert frechet(crowd, crowd + 2) == pytest.approx(5 * 4, rel=1e-6)


def test_noise_is_as_loud_as_it_says():
    speech = Speech("en_man_x_a", np.concatenate([_tone(1), np.zeros(RATE, np.float32)]))
    noise = speech.in_noise(10).samples - speech.samples
    assert 20 * np.log10(active_level(speech.samples) / np.sqrt(np.mean(noise**2))) == pytest.approx(10, abs=0.1)


def test_speech_ends_with_its_last_sound():
    assert len(to_last_sound(np.concatenate([_tone(0.5), np.zeros(RATE, np.float32)]))) == pytest.approx(
        0.5 * RATE, abs=1
    )


def test_clips_are_chosen_over_languages_and_sexes():
    names = ("en_man_a_a", "en_man_a_b", "en_woman_b_a", "fr_woman_c_a", "de_man_d_a", "fr_man_e_a")
    chosen = first_takes([Speech(name, np.zeros(1)) for name in names], 3)
    assert {clip.language for clip in chosen} == {"en", "fr", "de"}
    assert {clip.sex for clip in chosen} == {"man", "woman"}


def test_retrieval_counts_voices_with_two_clips_only():
    @dataclass
    class Profile:
        embedding: np.ndarray

    def voice(name: str, *embedding: float) -> Voice:
        return Voice(Speech(name, np.zeros(1)), Profile(np.array(embedding)), None)

    voices = [voice("en_man_x_a", 1, 0), voice("en_man_x_b", 0.9, 0.1), voice("en_man_y_a", 0, 1)]
    assert retrieval(voices, voices) == 1.0


def test_certainty_is_compared_with_how_often_it_is_right(tmp_path):
    def voice(name: str, female: float) -> Voice:
        return Voice(Speech(name, np.zeros(1)), SimpleNamespace(gender=SimpleNamespace(value=female)), None)

    voices = [voice("en_woman_a", 0.95), voice("en_man_b", 0.05), voice("en_man_c", 0.65), voice("en_woman_d", 0.65)]
    rows = reliability_rows([*voices, voice("en_voice_e", 0.1)])
    assert [row["clips"] for row in rows] == ["0", "2", "0", "0", "2", "4"]
    assert (rows[1]["said"], rows[1]["right"], rows[4]["right"]) == ("0.65", "0.50", "1.00")
    assert rows[-1]["said"] == "0.100"
    save_plot(tmp_path / "plot.png", rows)
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_turning_and_blinking():
    moments = np.arange(200) / 25
    slow = np.stack([10 * np.sin(2 * np.pi * 0.5 * moments)] * 3, axis=1)
    assert turning_spectrum(slow, 25)[0] > 0.95
    fast = np.stack([np.sin(2 * np.pi * 5 * moments)] * 3, axis=1)
    assert turning_spectrum(fast, 25)[2] > 0.95
    lids = np.zeros(50, bool)
    lids[10:15] = lids[30:35] = True
    assert blink_seconds(lids, 25) == pytest.approx(0.2)


def test_tables_leave_out_what_could_not_be_measured():
    rows = rows_of([1.0, float("nan")], ["one", "two"], (("value", lambda thing: thing, "{:.1f}"),))
    assert [row["value"] for row in rows] == ["1.0", "-", "1.0"]
    assert rank_correlation([1.0, 2.0, 3.0], [10.0, 20.0, 40.0]) == pytest.approx(1)
