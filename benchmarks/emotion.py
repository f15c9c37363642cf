"""How well emotions of real people are heard. Prints markdown tables, real recordings first.

    python -m benchmarks.emotion --emodb EMODB --corpora corpus/acted corpus/espeak corpus/recorded --speech SPEECH

EMODB holds recordings of the Berlin Database of Emotional Speech (SSTTTEv.flac: speaker, sentence, emotion, take).

Nobody is judged by a stage that was trained on them. For each actor of the training set the emotion stage is trained
and calibrated again on the others (--corpora: those of training). Actors in EMODB who are not in the training set are
judged with the shipped stage.

--speech: real speech of many microphones (`benchmarks/real_speech.py`), nearly all of it calm; none was trained on.
--jointly: folder of the jointly trained baseline (`examples/training/train_jointly.py`), for the leakage tables.
--cache: folder that keeps what the frozen encoders say of the recordings.
--parts: some of the tables only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from benchmarks.acted import (
    Recording,
    actor_rows,
    condition_rows,
    confusion_rows,
    make_recording,
    read_recordings,
)
from benchmarks.leakage import HEARD, listening_leakage
from benchmarks.speech import RATE, Speech, find_speech, first_takes
from benchmarks.tables import Row, print_table
from examples.training.train_emotion import left_out, load_examples
from examples.training.voices.acted import SPEAKERS
from examples.training.voices.features import WEIGHTS
from examples.training.voices.step_sums import earlier_stages
from imagineid_sdk.listening.emotion import EmotionEncoder, hear_emotion, pooled, sum_steps
from imagineid_sdk.listening.listener import Listener
from imagineid_sdk.listening.profile import TRACK_RATE, ProsodyTrack, VoiceProfile
from imagineid_sdk.listening.stream import LIVE
from imagineid_sdk.listening.visemes import VISEMES

# --- what else is in it -----------------------------------------------------------------------------------------------


def identity_rows(recordings: Sequence[Recording]) -> list[Row]:
    """Whether the nearest voice is the same actor, where the same actor is only there in other emotions."""
    embeddings = np.stack([r.embedding for r in recordings])
    near = embeddings @ embeddings.T
    actor = np.array([r.actor for r in recordings])
    emotion = np.array([r.emotion for r in recordings])
    everyone, pairs = [], []
    for k, row in enumerate(near):
        same, other = (actor == actor[k]) & (emotion != emotion[k]), actor != actor[k]
        everyone.append(row[same].max() > row[other].max())
        pairs.append((row[same][:, None] > row[other][None]).mean())
    against = {"all recordings of the others": np.mean(everyone), "one recording of another": np.mean(pairs)}
    return [{"the same actor in another emotion against": who, "R@1": f"{value:.2f}"} for who, value in against.items()]


def probe_rows(heard: dict[str, tuple[EmotionEncoder, list[Recording]]]) -> list[Row]:
    """How well ridge regression tells actor, sentence and emotion from what each stage passes on.

    Actors are told across sentences, sentences and emotions across actors.
    """
    seen: dict[str, np.ndarray] = {}
    for name, (stage, recordings) in heard.items():
        sums = torch.from_numpy(np.stack([r.rows.sum(axis=0) for r in recordings]))
        voices = torch.from_numpy(np.stack([r.embedding for r in recordings]))
        seen.setdefault("statistics, nothing subtracted", pooled(sums)[0].numpy())
        with torch.no_grad():
            seen[f"{name}: without voice and words"] = stage.residual(sums, voices).numpy()
            logits, strength = stage(sums, voices)
            seen[f"{name}: emotions and strength"] = torch.cat([logits.softmax(1), strength[:, None]], dim=1).numpy()
    actor, sentence, emotion = (
        np.array([getattr(r, name) for r in recordings]) for name in ("actor", "sentence", "emotion")
    )
    rows = [
        {
            "what": name, "tells the actor": f"{probed(x, actor, sentence):.2f}",
            "the sentence": f"{probed(x, sentence, actor):.2f}", "the emotion": f"{probed(x, emotion, actor):.2f}",
        } for name, x in seen.items()
    ]  # fmt: skip
    chance = [f"{1 / len(set(labels)):.2f}" for labels in (actor, sentence, emotion)]
    return [*rows, dict(zip(rows[0], ["chance", *chance], strict=True))]


def probed(seen: np.ndarray, label: np.ndarray, fold: np.ndarray) -> float:
    """Unweighted average recall of a regularised linear classifier across folds."""
    names = np.unique(label)
    x = (seen - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-6)
    said = np.empty(len(x), int)
    for left in np.unique(fold):
        known, asked = fold != left, fold == left
        target = (label[known][:, None] == names[None]).astype(float)
        share = 1 / np.maximum(target.sum(axis=0), 1)
        weight = np.sqrt(target @ share)[:, None]
        middle, rest = np.average(x[known], axis=0, weights=weight[:, 0] ** 2), 1 / len(names)
        a, b = weight * (x[known] - middle), weight * (target - rest)
        kernel = a @ a.T
        dual = np.linalg.solve(kernel + 0.1 * np.trace(kernel) / len(a) * np.eye(len(a)), b)
        said[asked] = ((x[asked] - middle) @ a.T @ dual).argmax(axis=1)
    return float(np.mean([(names[said[label == name]] == name).mean() for name in names]))


def factor_rows(recordings: Sequence[Recording], profiles: Sequence[VoiceProfile]) -> list[Row]:
    """How far each output moves when one factor of real speech changes, against recordings that share none."""
    outputs = {name: distance for name, distance in HEARD.items() if name != "mouth actions"}  # said at other moments
    cases: dict[tuple[bool, bool, bool], list[list[float]]] = {}
    for (a, heard_a), (b, heard_b) in combinations(zip(recordings, profiles, strict=True), 2):
        key = (a.actor == b.actor, a.sentence == b.sentence, a.emotion == b.emotion)
        cases.setdefault(key, []).append([distance(heard_a, heard_b) for distance in outputs.values()])
    whole = np.mean(cases[False, False, False], axis=0)
    titles = {"the emotion": (True, True, False), "the actor": (False, True, True), "the sentence": (True, False, True)}
    rows = [{"changed": "everything (100 %)", "pairs": str(len(cases[False, False, False]))}]
    rows[0] |= {name: f"{value:.2f}" for name, value in zip(outputs, whole, strict=True)}
    for title, key in titles.items():
        if key in cases:
            share = np.mean(cases[key], axis=0) / whole
            cells = {name: f"{value:.0%}" for name, value in zip(outputs, share, strict=True)}
            rows.append({"changed": title, "pairs": str(len(cases[key]))} | cells)
    return rows


# --- in a stream, and its time ----------------------------------------------------------------------------------------


STREAM = {
    "changes": "changes of the label in a clip",
    "others": "emotions in the first 3 s that are neither neutral nor the last",
    "step": "largest change of what the face is asked for within 0.2 s",
    "jump": "largest change of the probabilities within 0.2 s",
    "half": "seconds until half of the last intensity",
    "same": "last label as that of the whole file",
}


def joined(recordings: Sequence[Recording], seconds: float) -> list[Speech]:
    """Recordings of one actor in one emotion, one after the other, until there is enough."""
    result = []
    for key in sorted({(r.actor, r.emotion) for r in recordings}):
        parts = [r.speech.samples for r in recordings if (r.actor, r.emotion) == key]
        sound = np.concatenate(parts * int(np.ceil(seconds * RATE / sum(map(len, parts)))))[: int(seconds * RATE)]
        result.append(Speech(f"{key[0]}_{key[1]}", sound))
    return result


def stream_row(listener: Listener, speech: Speech) -> dict[str, float]:
    """How the course of the emotion comes about while the sound comes in."""
    stream, course, labels, sure = listener.open(LIVE), [], [], []
    for start in range(0, len(speech.samples), RATE // 10):
        stream.feed(speech.samples[start : start + RATE // 10])
        for heard in stream.segments():
            begin = sum(map(len, course)) - heard.first
            course.append(heard.emotion.track[begin : heard.final - heard.first])
            labels.append(heard.emotion.label)
            sure.append(heard.emotion.probabilities)
    shown = np.concatenate(course)
    strength = shown.sum(axis=1)
    early = labels[: int(3 / 0.2)]
    half = np.flatnonzero(strength >= 0.5 * strength[-TRACK_RATE:].mean())
    return {
        "changes": float(sum(a != b for a, b in zip(labels, labels[1:], strict=False))),
        "others": float(len(set(early) - {"neutral", labels[-1]})),
        "step": float(np.abs(shown[10:] - shown[:-10]).sum(axis=1).max()),
        "jump": float(np.abs(np.diff(np.stack(sure), axis=0)).sum(axis=1).max() / 2),
        "half": float(half[0] / TRACK_RATE) if len(half) and labels[-1] != "neutral" else np.nan,
        "same": float(labels[-1] == listener.listen(speech.clip).emotion.label),
    }


def stream_rows(found: Sequence[dict[str, float]]) -> list[Row]:
    rows = []
    for name, title in STREAM.items():
        values = [one[name] for one in found]
        worst = "-" if name == "same" else f"{np.nanmax(values):.2f}"
        rows.append({"measure": title, "mean": f"{np.nanmean(values):.2f}", "worst": worst})
    return rows


def time_rows(listener: Listener) -> list[Row]:
    """Seconds of work of the emotion stage for a second of sound."""
    frames = 30 * TRACK_RATE
    rng = np.random.default_rng(0)
    features = rng.standard_normal((frames, 384)).astype(np.float32)
    visemes = rng.dirichlet(np.ones(len(VISEMES)), frames).astype(np.float32)
    prosody = ProsodyTrack(*(np.full(frames, value, np.float32) for value in (1, -30, 150)))
    embedding = np.zeros(listener.identity_encoder.config.embedding_size, np.float32)

    def stage() -> None:
        hear_emotion(listener.emotion_encoder, sum_steps(features, prosody, visemes), embedding, frames)

    sound = Speech("noise", 0.1 * rng.standard_normal(30 * RATE).astype(np.float32)).clip
    rows = []
    for name, work in (("emotion stage", stage), ("all of listening", lambda: listener.listen(sound))):
        work()
        begin = time.perf_counter()
        work()
        rows.append({"part": name, "s for a second of sound": f"{(time.perf_counter() - begin) / 30:.4f}"})
    return rows


# --- everything -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EmotionBench:
    """What the parts work with. recordings: by condition; stages: by actor, none of which was trained on that actor;
    listeners: of the shipped stage and, where there is one, of the jointly trained one."""

    recordings: dict[str, list[Recording]]
    stages: dict[str, EmotionEncoder]
    listeners: dict[str, Listener]
    calm: list[Speech]

    @property
    def plain(self) -> list[Recording]:
        return self.recordings["as recorded"]

    @property
    def shipped(self) -> Listener:
        return next(iter(self.listeners.values()))


def judge_answers(bench: EmotionBench) -> None:
    """How often right, strangers to everything first."""
    for title, trained in (("Actors that nothing was trained on", False), ("One actor left out at a time", True)):
        some = {
            name: [r for r in all_of if (r.actor in SPEAKERS) == trained and r.actor in bench.stages]
            for name, all_of in bench.recordings.items()
        }
        if some["as recorded"]:
            print_answers(title, some, bench.stages)


def judge_streams(bench: EmotionBench) -> None:
    """Two emotions of each actor."""
    found = []
    for actor, stage in bench.stages.items():
        listener = _with(bench.shipped, stage)
        clips = joined([r for r in bench.plain if r.actor == actor and r.emotion in ("sad", "angry")], 6.0)
        found += [stream_row(listener, speech) for speech in clips]
    if found:
        note = "Clips of 6 s, sad and angry, each heard by a stage that was trained without the actor."
        print_table("In a stream", stream_rows(found), note)


def judge_identity(bench: EmotionBench) -> None:
    print_table("Identity when only the emotion changes", identity_rows(bench.plain))


def judge_leakage(bench: EmotionBench) -> None:
    """This stage, and the one that was trained jointly with the others."""
    heard = {}
    for name, listener in bench.listeners.items():  # what comes before the stage is another listener's own, too
        own = listener is bench.shipped
        recordings = bench.plain if own else [make_recording(r.speech, "", listener, None) for r in bench.plain]
        heard[name] = (listener.emotion_encoder, recordings)
    print_table("What a linear probe tells from the stage", probe_rows(heard))
    for name, listener in bench.listeners.items():
        profiles = [listener.listen(r.speech.clip) for r in bench.plain]
        print_table(f"Leakage on acted speech, {name}", factor_rows(bench.plain, profiles))
        if listener is bench.shipped and all(r.actor in bench.stages for r in bench.plain):
            fair = [
                replace(profile, emotion=r.heard(bench.stages[r.actor]))
                for r, profile in zip(bench.plain, profiles, strict=True)
            ]
            print_table("The same, each actor heard by a stage without them", factor_rows(bench.plain, fair))
    takes = {clip.voice: clip for clip in bench.calm if clip.name.endswith("_b")}
    clips = [clip.first(6.0) for clip in first_takes(bench.calm, 8)]
    for name, listener in bench.listeners.items():
        if clips:
            print_table(f"Leakage in listening, {name}", listening_leakage(listener.listen, clips, takes))


def judge_calm(bench: EmotionBench) -> None:
    if bench.calm:
        print_table("Calm speech of other people and microphones", calm_rows(bench.shipped, bench.calm))


def judge_time(bench: EmotionBench) -> None:
    print_table("Time", time_rows(bench.shipped))


PARTS: dict[str, Callable[[EmotionBench], None]] = {
    "answers": judge_answers, "streams": judge_streams, "identity": judge_identity, "leakage": judge_leakage,
    "calm": judge_calm, "time": judge_time,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emodb", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, nargs="+", default=[])
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder with the listening stages")
    parser.add_argument("--jointly", type=Path)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    earlier = earlier_stages(options.weights)
    recordings = read_recordings(options.emodb, earlier, options.cache)
    shipped = _stage(options.weights)
    stages = {r.actor: shipped for r in recordings["as recorded"] if r.actor not in SPEAKERS}
    if options.corpora and {"answers", "streams", "leakage"} & set(options.parts):
        stages |= {who.removeprefix("acted-"): stage for who, stage in left_out(load_examples(options.corpora))}
    listeners = {"this stage": _with(earlier, shipped)}
    if options.jointly:
        listeners["trained jointly"] = _with(earlier_stages(options.jointly), _stage(options.jointly))
    calm = find_speech(options.speech)[0] if options.speech else []
    bench = EmotionBench(recordings, stages, listeners, calm)
    for name in options.parts:
        PARTS[name](bench)


def _stage(folder: Path) -> EmotionEncoder:
    return EmotionEncoder.from_pretrained(folder / "emotion_encoder", torch_dtype=torch.float32)


def print_answers(title: str, recordings: dict[str, list[Recording]], stages: dict[str, EmotionEncoder]) -> None:
    answers = {name: [(r, r.heard(stages[r.actor])) for r in some] for name, some in recordings.items()}
    print_table(f"{title}: confusion", confusion_rows(answers["as recorded"]))
    print_table(f"{title}: by actor", actor_rows(answers["as recorded"]))
    print_table(f"{title}: conditions", condition_rows(answers))


def calm_rows(listener: Listener, clips: Sequence[Speech]) -> list[Row]:
    emotions = [(clip.name, listener.listen(clip.first(8.0).clip).emotion) for clip in clips]
    rows = [
        {"clip": name, "heard": emotion.label, "P(neutral)": f"{emotion.probabilities[0]:.2f}",
         "intensity": f"{emotion.intensity:.2f}"} for name, emotion in emotions
    ]  # fmt: skip
    share = np.mean([emotion.label == "neutral" for _, emotion in emotions])
    intensity = np.mean([emotion.intensity for _, emotion in emotions])
    return [*rows, {"clip": "all", "heard": f"neutral {share:.2f}", "P(neutral)": "-", "intensity": f"{intensity:.2f}"}]


def _with(earlier: Listener, stage: EmotionEncoder) -> Listener:
    return Listener(earlier.speech_encoder, earlier.identity_encoder, earlier.content_encoder, stage)


if __name__ == "__main__":
    main()
