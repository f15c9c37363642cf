"""The `imagineid` command: a thin wrapper, one function of the SDK behind each subcommand.

    imagineid generate AUDIO -o TALK.mp4    a face imagined from the voice says the words
    recorder | imagineid generate - -o - | player          the same while somebody speaks
    imagineid listen AUDIO [--json]         what the voice tells, without a picture
    imagineid faces AUDIO -n 8 -o FACES.png several people the voice could belong to
    imagineid info MODEL                    what a model is made of: checkpoints, sizes, licences; downloads nothing

Results go to standard output, progress and errors to standard error. Exit status: 0 done, 2 a mistake that one line
explains, 130 interrupted. Everything that can be checked is checked before the model is loaded.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from imagineid_sdk.errors import ImagineIDError, OptionError

if TYPE_CHECKING:
    from imagineid_sdk import ImagineIDOutput, ImagineIDPipeline
    from imagineid_sdk.compositions import Composition

EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, what shells expect
SHEET_BACKGROUND = 255


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` without the program's name by default); returns the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except ImagineIDError as error:
        print(f"imagineid: error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_MISTAKE
    except KeyboardInterrupt:
        print("imagineid: interrupted, nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # e.g. `imagineid listen ... | head -1`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def generate(options: argparse.Namespace) -> None:
    from imagineid_sdk.face.identity import Identity
    from imagineid_sdk.video import check_output_path

    to_pipe = options.output == "-"
    if not to_pipe:
        check_output_path(options.output, ".mp4")
    if options.save_identity is not None:
        check_output_path(options.save_identity, ".safetensors")
    if options.raw_rate is not None and options.audio != "-":
        raise OptionError("--raw-rate describes standard input: give - as AUDIO. Files know their own rate.")
    identity = None if options.identity is None else Identity.load(options.identity)
    # The sound is looked at first: to check the options takes imports of seconds.
    if os.name == "nt" and not to_pipe:  # no second pipe to the encoder there: everything at once
        audio = open_audio(options.audio)
        wanted = checked_options(options)
        output = cast("ImagineIDOutput", load_pipeline(options.model)(audio, identity=identity, **wanted))
        output.save(options.output)
        person = output.identity
    else:
        with opened_sound(options) as sound:
            target = sys.stdout.buffer if to_pipe else options.output
            wanted = checked_options(options)
            person = load_pipeline(options.model).write_mp4(sound, target, identity=identity, **wanted)
    written = [] if to_pipe else [options.output]
    if options.save_identity is not None:
        written.append(person.save(options.save_identity))
    if not to_pipe:  # standard output is the video
        print(*written, sep="\n")


def listen(options: argparse.Namespace) -> None:
    audio = open_audio(options.audio)
    summary = load_pipeline(options.model).listen(audio).to_dict()
    print(json.dumps(summary, indent=2) if options.json else "\n".join(describe_voice(summary)))


def faces(options: argparse.Namespace) -> None:
    from imagineid_sdk.video import check_output_path, write_png

    check_output_path(options.output, ".png")
    audio = open_audio(options.audio)
    candidates = load_pipeline(options.model).imagine(audio, num_faces=options.number, seed=options.seed)
    sheet = contact_sheet([candidate.image for candidate in candidates])
    description = f"Synthetic faces imagined from a voice; seed={options.seed}"
    print(write_png(options.output, sheet, {"Description": description, "Software": f"imagineid-sdk {version()}"}))


def info(options: argparse.Namespace) -> None:
    from imagineid_sdk.compositions import Composition

    print("\n".join(describe_composition(Composition.load(options.model))))


# --- between the command line and the SDK -----------------------------------------------------------------------------


def load_pipeline(model: str | None) -> ImagineIDPipeline:
    from imagineid_sdk import ImagineIDPipeline

    pipeline = ImagineIDPipeline.from_pretrained() if model is None else ImagineIDPipeline.from_pretrained(model)
    pipeline.set_progress_bar_config(disable=None)  # tqdm: shown on a terminal, silent in a log
    return pipeline


def open_audio(name: str) -> Any:
    """The path, checked; or for "-" the content of standard input."""
    from imagineid_sdk.audio import checked_path

    return sys.stdin.buffer.read() if name == "-" else checked_path(name)


def opened_sound(options: argparse.Namespace) -> AbstractContextManager[Any]:
    """The sound of a video, which is only passed through."""
    from imagineid_sdk.audio import checked_path
    from imagineid_sdk.audio_stream import open_pipe, open_sound

    if options.audio == "-":
        return open_pipe(sys.stdin.buffer, options.raw_rate)
    return open_sound(checked_path(options.audio))


def checked_options(options: argparse.Namespace) -> dict[str, Any]:
    """What the user asked for as options of a call; what was not asked for is left to the SDK."""
    from imagineid_sdk.options import GenerateOptions

    wanted = {name: getattr(options, name) for name in options.passed_on if getattr(options, name) is not None}
    GenerateOptions(**wanted)
    if wanted.get("background") == "transparent":
        raise OptionError("An mp4 has no transparency. Give --background a colour or a picture.")
    return wanted


def contact_sheet(images: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one size, uint8 (height, width, 3), side by side in rows of about as many as there are rows."""
    columns = math.ceil(math.sqrt(len(images)))
    height, width, channels = images[0].shape
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * height, columns * width, channels), SHEET_BACKGROUND, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = image
    return sheet


def describe_voice(summary: dict[str, Any]) -> list[str]:
    """A person's view of `VoiceProfile.to_dict()`."""
    prosody, emotion, gender = summary["prosody"], summary["emotion"], summary["gender"]
    pitch = prosody["median_pitch_hz"]
    heard = f"{prosody['speech_share']:.0%} speech" + (f", median pitch {pitch:.0f} Hz" if pitch else "")
    word = "female" if gender["value"] > 0.5 else "male"
    return [
        f"clip     {summary['duration']:.2f} s, {heard}",
        f"gender   {word} ({gender['value']:.2f} on a scale from 0 male to 1 female){doubt(gender)}",
        f"age      {summary['age']['value']:.0f} ± {summary['age']['spread']:.0f} years{doubt(summary['age'])}",
        f"emotion  {emotion['label']}, intensity {emotion['intensity']:.2f}",
    ]


def describe_composition(composition: Composition) -> list[str]:
    """A line or two for each role, and what all of it weighs."""
    lines = [f"{composition.name}: {composition.description}", ""]
    for role, source in composition.roles().items():
        place = f"{source.repo}/{source.subfolder}".rstrip("/")
        lines += [
            f"{role:16} {source.purpose}",
            f"{'':16} {place} at {source.revision}: {', '.join(source.files)}",
            f"{'':16} {source.megabytes} MB, licence {source.license}",
        ]
    total = sum(source.megabytes for source in composition.roles().values())
    return [*lines, "", f"{total} MB in all, downloaded when the model is first loaded."]


def doubt(attribute: dict[str, Any]) -> str:
    return "" if attribute["heard"] else "; the voice does not tell, the seed decides"


def version() -> str:
    from imagineid_sdk import __version__

    return __version__


# --- the command line itself ------------------------------------------------------------------------------------------


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagineid", description="From one audio clip, the talking face of nobody.")
    parser.add_argument("--version", action="version", version=f"imagineid {version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_generate(commands)
    add_listen(commands)
    add_faces(commands)
    add_info(commands)
    return parser


def add_generate(commands: Any) -> None:
    parser = add_command(commands, "generate", generate, "make a video of an imagined person who says what is heard")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT.mp4", help="the video to write; - is standard output"
    )
    passed_on = [
        parser.add_argument("--seed", type=int, metavar="N", help="the same seed imagines the same person"),
        parser.add_argument("--fps", type=float, metavar="F", help="frames per second"),
        parser.add_argument(
            "--steps", type=int, dest="num_inference_steps", metavar="N", help="denoising steps per frame"
        ),
        parser.add_argument("--age", type=float, metavar="YEARS", help="instead of the age that was heard"),
        parser.add_argument("--gender", metavar="WORD", help="male or female, instead of the one that was heard"),
        parser.add_argument("--emotion", metavar="WORD", help="happy, sad, ... instead of the one that was heard"),
        parser.add_argument("--hair", metavar="WORD", help="bob, short, ..."),
        parser.add_argument("--hair-color", metavar="WORD", help="black, blonde, ..."),
        parser.add_argument("--eye-color", metavar="WORD", help="brown, green, ..."),
        parser.add_argument("--background", metavar="COLOR|FILE", help="a colour or a picture behind the person"),
    ]
    parser.add_argument(
        "--raw-rate", type=int, metavar="HZ", help="standard input is bare samples at this rate: 16 bit, mono"
    )
    parser.add_argument("--identity", metavar="FILE", help="a person saved earlier, instead of a new one")
    parser.add_argument("--save-identity", metavar="FILE.safetensors", help="keep the person for another clip")
    parser.set_defaults(passed_on=[action.dest for action in passed_on])


def add_listen(commands: Any) -> None:
    parser = add_command(commands, "listen", listen, "tell what the voice says about its owner; no picture")
    parser.add_argument("--json", action="store_true", help="everything, for programs")


def add_faces(commands: Any) -> None:
    parser = add_command(commands, "faces", faces, "show several people that the voice could belong to")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.png", help="the contact sheet to write")
    parser.add_argument("-n", "--number", type=int, default=8, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first (default: %(default)s)")


def add_info(commands: Any) -> None:
    summary = "tell which checkpoints a composition takes, their sizes and licences; downloads nothing"
    parser = commands.add_parser("info", help=summary, description=summary.capitalize() + ".")
    parser.add_argument("model", metavar="NAME_OR_JSON", help="sd15, or the path of a composition of your own")
    parser.set_defaults(run=info)


def add_command(commands: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
    parser.add_argument("audio", metavar="AUDIO", help="wav, flac, ogg, mp3, m4a, a video with sound; - reads stdin")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="another model than the one that is shipped")
    parser.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
