"""What is written where: a video is made by a user who may write nothing but the folder of the video and the temporary
folder, and the system says which files it made or opened for writing.

    python -m benchmarks.rights                  as root, with strace: as nobody, every call to the system is seen
    python -m benchmarks.rights                  otherwise: as this user, what Python opens and what is left is seen

Exit status 1 if anything was written elsewhere, or left in the temporary folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import soundfile

from benchmarks.mutations import sound
from benchmarks.tables import Row, print_table

NOBODY = 65534
CALLS = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,truncate"
WRITES = re.compile(r"^\d+ +(?:open(?:at)?\(.*\bO_(?:WRONLY|RDWR|CREAT|TRUNC)\b|(?!open)\w+\()")
HARMLESS = ("/dev/null", "/dev/tty", "/dev/shm/", "/proc/self/")
"""Devices, and shared memory of locks, which have no name as soon as they are made."""

HOOK = """
import os, sys
def seen(event, arguments):
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    if event == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & writes:
        log.append(os.fsdecode(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        log.extend(os.fsdecode(one) for one in arguments[:2] if isinstance(one, (str, bytes)))
log = []
sys.addaudithook(seen)
from imagineid_sdk.cli import main
status = main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write("\\n".join(log))
sys.exit(status)
"""
"""Notes what Python itself writes; it can't see the encoder."""


def command_of(folder: Path) -> list[str]:
    voice, person = folder / "voice.wav", folder / "anna.safetensors"
    return [
        "generate",
        str(voice),
        "-o",
        str(folder / "talk.mp4"),
        "--save-identity",
        str(person),
        "--portrait-steps",
        "1",
    ]


def environment(place: Path, **more: str) -> dict[str, str]:
    """A home that doesn't exist, and a temporary folder of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    root = str(Path(__file__).resolve().parent.parent)
    return (
        kept
        | {"HOME": "/nonexistent", "TMPDIR": str(place / "tmp"), "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
        | more
    )


def as_nobody(place: Path) -> list[str]:
    """Paths that the command and the programs that it starts wrote to, as the kernel saw it.

    Nobody may read all that root may, since Python may lie in root's home, and write nothing of it.
    """
    log = place / "strace.txt"
    for folder in (place, place / "out", place / "tmp"):
        os.chown(folder, NOBODY, NOBODY)
    caps = [
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ]
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "512", "-e", f"trace={CALLS}", "-o", str(log)]
    command += [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        *caps,
        sys.executable,
        "-m",
        "imagineid_sdk.cli",
    ]
    subprocess.run(
        [*command, *command_of(place / "out")], env=environment(place), cwd=place, check=True, capture_output=True
    )
    written = []
    for line in log.read_text(errors="replace").splitlines():
        if " = -1 " not in line and WRITES.search(line):
            written += re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return written


def as_this_user(place: Path) -> list[str]:
    log = place / "log.txt"
    command = [sys.executable, "-c", HOOK, str(log), *command_of(place / "out")]
    subprocess.run(command, env=environment(place), cwd=place, check=True, capture_output=True)
    return log.read_text().splitlines()


def main() -> int:
    traced = os.name == "posix" and os.geteuid() == 0 and bool(shutil.which("strace") and shutil.which("setpriv"))
    with tempfile.TemporaryDirectory(prefix="rights-") as name:
        place = Path(os.path.realpath(name))
        for folder in ("out", "tmp"):
            (place / folder).mkdir()
        soundfile.write(place / "out" / "voice.wav", sound(0.4), 16_000)
        written = [os.path.normpath(place / path) for path in (as_nobody if traced else as_this_user)(place)]
        places: Counter[str] = Counter()
        elsewhere = set()
        for path in written:
            inside = next((one for one in ("out", "tmp") if path.startswith(f"{place / one}")), None)
            inside = inside or ("cache" if "/__pycache__" in path else None)
            harmless = any(path.startswith(one) for one in HARMLESS)
            places[inside or ("devices" if harmless else "elsewhere")] += 1
            if not inside and not harmless:
                elsewhere.add(path)
        # torch makes a folder for its compiler there, whether it is used or not.
        left = [name for name in os.listdir(place / "tmp") if not name.startswith("torchinductor_")]
        made = sorted(os.listdir(place / "out"))
    for path in sorted(elsewhere):
        print("written elsewhere:", path)
    for path in left:
        print("left in the temporary folder:", path)
    row: Row = {
        "as": "nobody, seen by strace" if traced else "this user, seen by Python",
        "made": ", ".join(made), "writes in its folder": f"{places['out']}",
        "in the temporary folder": f"{places['tmp']}",
        "compiled code beside the package": f"{places['cache']}",
        "devices": f"{places['devices']}", "elsewhere": f"{places['elsewhere']}",
        "left in the temporary folder": f"{len(left)}",
    }  # fmt: skip
    print_table("What making a video writes, without a home", [row])
    return int(bool(elsewhere or left or made != ["anna.safetensors", "talk.mp4", "voice.wav"]))


if __name__ == "__main__":
    sys.exit(main())
