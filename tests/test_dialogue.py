"""Several speakers in one clip become several people."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import OptionError, VideoError
from imagineid_sdk.export import check_targets
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.listening.diarisation import SpeakerTurns, find_turns
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.video import verify

RATE = 16_000


@pytest.fixture(scope="module")
def conversation(example_audio):
    """A woman, a man, and the woman again: 3 s each; and who speaks in every 20 ms."""
    woman = load_audio(example_audio / "hello.wav").samples
    man = load_audio(example_audio / "reading.flac").samples
    parts = [woman[: 3 * RATE], man[RATE : 4 * RATE], woman[3 * RATE : 6 * RATE]]
    pause = np.zeros(RATE // 4, np.float32)
    sound = np.concatenate([piece for part in parts for piece in (part, pause)])
    return sound, [(0.0, 3.0), (3.25, 6.25), (6.5, 9.5)]


def test_who_speaks_when_is_found(pipeline, conversation):
    sound, spans = conversation
    found = find_turns(pipeline.identity_encoder, sound)
    assert len(found) == 2
    for number, (begin, end) in enumerate(spans):
        inside = found.speaking[:, round((begin + 0.3) * 50) : round((end - 0.3) * 50)]
        right = inside[number % 2].sum()
        assert right > 0.9 * inside.sum()
    assert [speaker for speaker, _, _ in found.turns()][0] == 0


def test_one_speaker_is_one_person_and_silence_is_nobody(pipeline, example_audio):
    assert len(find_turns(pipeline.identity_encoder, load_audio(example_audio / "hello.wav").samples)) == 1
    silence = find_turns(pipeline.identity_encoder, np.zeros(2 * RATE, np.float32))
    assert isinstance(silence, SpeakerTurns) and not silence.speaking.any() and silence.turns() == []


def test_each_speaker_is_a_person_and_the_video_shows_both(pipeline, conversation, tmp_path, media):
    sound, spans = conversation
    people = pipeline(sound, sampling_rate=RATE, speakers="separate", seed=3, fps=5)
    assert [one.identity.seed for one in people] == [3, 4]
    assert people[0].identity.gender > 0.5 > people[1].identity.gender
    for speaker, others in ((0, 1), (1, 0)):
        own, silent = (mouth(people[speaker], spans, turn) for turn in (speaker, others))
        assert own > 3 * silent
    together = sum(one.audio.original for one in people)
    np.testing.assert_allclose(together, people.audio.original, atol=1e-6)

    frames = media.frames(people.save(tmp_path / "talk.mp4"))
    assert frames.shape[2] == 2 * frames.shape[1] and len(frames) == len(people[0].frames)
    assert verify(tmp_path / "talk.mp4").watermark.found
    assert [path.name for path in people.save_each(tmp_path / "talk.csv")] == ["talk-1.csv", "talk-2.csv"]


def mouth(out, spans, turn):
    """How far the mouth is open, on average, during a turn."""
    begin, end = (round(moment * out.fps) for moment in spans[turn])
    jaw = out.motion.blendshapes[:, ARKIT_BLENDSHAPES.index("jawOpen")]
    return jaw[begin + 1 : end - 1].mean()


def test_one_person_can_not_be_all_speakers(pipeline, conversation):
    with pytest.raises(OptionError, match="one for each speaker"):
        pipeline(conversation[0], speakers="separate", identity_from=conversation[0], sampling_rate=RATE)
    with pytest.raises(OptionError, match="whole clip"):
        pipeline.stream(speakers="separate")


def test_files_for_each_speaker_are_checked_by_their_names(tmp_path):
    separate, together = GenerateOptions(speakers="separate"), GenerateOptions()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "note").write_text("frames-1 and frames-2 are written")
    check_targets([f"{tmp_path}/frames/"], separate)
    with pytest.raises(VideoError, match="frames"):
        check_targets([f"{tmp_path}/frames/"], together)
    (tmp_path / "frames").rename(tmp_path / "frames-2")
    with pytest.raises(VideoError, match="frames-2"):
        check_targets([f"{tmp_path}/frames/"], separate)
