"""What the page does for a visitor, without a browser."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from imagineid_sdk import app
from imagineid_sdk.app.live import BACKLOG, FRAME_RATES, LiveTalk
from imagineid_sdk.app.studio import loudest_piece, told_apart
from imagineid_sdk.app.visitor import Visitors
from imagineid_sdk.app.wishes import WISHES, given
from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import MissingExtraError, OptionError
from imagineid_sdk.options import GenerateOptions

RATE = 16_000


class FakeStream:
    """A frame for every 1 / fps seconds of sound, at once."""

    def __init__(self, fps, hold):
        self.fps, self.frames_made, self._heard, self._hold = fps, 0, 0, hold

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def feed(self, sound):
        self._hold()
        self._heard += len(sound)
        while self.frames_made < self._heard / RATE * self.fps - 1e-6:
            self.frames_made += 1
            yield np.zeros((2, 2, 3), np.uint8)


@pytest.fixture
def fake_pipe():
    pipe = SimpleNamespace(opened=[], imagined=[], edited=[], hold=lambda: None)

    def stream(*, identity, fps, **options):
        pipe.opened.append((identity, fps, options))
        return FakeStream(fps, lambda: pipe.hold())

    def imagine(voice, **options):
        pipe.imagined.append((len(voice), options))
        return [SimpleNamespace(identity="somebody")]

    def renderer(identity, **portrait):
        pipe.edited.append((identity, portrait))
        return SimpleNamespace(identity=f"{identity}, edited")

    pipe.stream, pipe.imagine, pipe.renderer = stream, imagine, renderer
    return pipe


def test_a_face_speaks_with_whoever_was_chosen(fake_pipe):
    talk = LiveTalk(fake_pipe, "anna", {"hair": "bob"}, {"blink": 0.0})
    batches = talk.batches()
    feeder = threading.Timer(0.1, lambda: talk.feed(np.zeros(RATE // 5, np.float32)))
    feeder.start()
    batch = next(batches)
    assert (batch.moment, batch.fps, len(batch.frames)) == (0.0, 25.0, 5)
    talk.feed(np.zeros(RATE // 5, np.float32))
    assert next(batches).moment == pytest.approx(0.2)
    talk.close()
    assert list(batches) == []
    assert fake_pipe.opened[-1] == ("anna, edited", 25.0, {"hair": "bob", "blink": 0.0}) and not fake_pipe.imagined
    assert fake_pipe.edited == [("anna", {"hair": "bob"})], "once, however many streams there are"


def test_without_a_choice_somebody_is_imagined_from_the_first_words(fake_pipe):
    talk = LiveTalk(fake_pipe, None, {"hair": "bob"}, {"blink": 0.0})
    talk.feed(np.zeros(3 * RATE, np.float32))
    threading.Timer(0.1, lambda: talk.feed(np.zeros(RATE // 5, np.float32))).start()
    assert next(talk.batches()).moment == pytest.approx(3.0)
    assert fake_pipe.imagined == [(3 * RATE, {"num_faces": 1, "hair": "bob"})] and talk.identity == "somebody, edited"


def test_a_machine_that_falls_behind_skips_sound_and_makes_fewer_frames(fake_pipe):
    talk = LiveTalk(fake_pipe, "anna", {}, {})
    batches = talk.batches()
    threading.Timer(0.1, lambda: talk.feed(np.zeros(RATE // 5, np.float32))).start()
    next(batches)
    talk.feed(np.zeros(round((BACKLOG + 0.1) * RATE), np.float32))
    threading.Timer(0.1, lambda: talk.feed(np.zeros(RATE // 5, np.float32))).start()
    batch = next(batches)
    assert batch.fps == FRAME_RATES[1]
    assert batch.moment == pytest.approx(0.2 + BACKLOG + 0.1)


def test_when_a_visitor_leaves_nothing_of_theirs_stays(tmp_path):
    visitors = Visitors(tmp_path)
    shared, own = tmp_path / "shared.wav", tmp_path / "own.wav"
    for path in (shared, own):
        path.write_bytes(b"sound")
    visitors["one"].uploads |= {shared, own}
    visitors["two"].uploads.add(shared)
    (visitors["one"].folder / "talk.mp4").write_bytes(b"video")
    leaving = visitors["one"]
    visitors.forget("one")
    assert leaving.gone.is_set() and not leaving.folder.exists()
    assert shared.exists() and not own.exists()
    visitors.forget("two")
    visitors.forget("two")
    assert list(tmp_path.iterdir()) == []


def test_controls_that_are_left_alone_ask_for_nothing():
    untouched = ["" if wish.choices else wish.value for wish in WISHES]
    assert given(untouched) == {}
    touched = {wish.name: wish.choices[-1] if wish.choices else wish.range[0] for wish in WISHES} | {"age": 4}
    asked = given(list(touched.values()))
    assert asked.pop("age") == 10
    GenerateOptions(**asked)  # every word is known to the model
    person, motion = told_apart(asked)
    assert set(motion) == {"emotion", "head_motion", "blink", "gaze"} and "hair" in person


def test_the_preview_takes_the_part_where_somebody_speaks():
    sound = np.zeros(4 * RATE, np.float32)
    sound[2 * RATE : 3 * RATE] = 0.5
    piece = loudest_piece(load_audio(sound), 1.2)
    assert piece.duration == pytest.approx(1.2) and np.abs(piece.samples).sum() == pytest.approx(0.5 * RATE)


def test_mistakes_are_told_before_the_page_is_made(monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="app"):
        app.launch()
    monkeypatch.setattr(app, "find_spec", lambda name: object())
    with pytest.raises(OptionError, match="port"):
        app.launch(port=70_000)
    with pytest.raises(OptionError, match="visitors"):
        app.launch(visitors=0)
