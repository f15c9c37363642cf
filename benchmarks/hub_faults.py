"""What a Hub that fails, lies or is slow does to a download, and what the user is told.

    python -m benchmarks.hub_faults              against a small Hub on loopback

Exit status 1 if a row is not as it should be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.killing import REPO, hub_on_loopback, small_disk
from benchmarks.tables import Row, print_table
from tests.hub.loopback import LoopbackHub

WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass
class Case:
    """A Hub, a cache of its own, and what is asked of them. `expected` is a part of the message; None is success."""

    title: str
    expected: str | None
    prepare: Callable[[LoopbackHub], None] = lambda hub: None
    options: dict[str, object] = field(default_factory=dict)
    offline: bool = False
    cache: Callable[[Path], None] = lambda cache: None
    program: str | None = None


def fault(kind: str) -> Callable[[LoopbackHub], None]:
    return lambda hub: hub.faults.update({WEIGHTS: kind})


def private(token: str, **more: object) -> Callable[[LoopbackHub], None]:
    def prepare(hub: LoopbackHub) -> None:
        hub.repositories[REPO].token = token
        for name, value in more.items():
            setattr(hub.repositories[REPO], name, value)

    return prepare


def read_only(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o500)
    os.chown(cache, 65534, 65534)


LOAD = """
import sys
from imagineid_sdk.errors import ImagineIDError
from imagineid_sdk.hub.download import HubOptions
from imagineid_sdk.hub.sources import fetch_model
try:
    print(fetch_model(sys.argv[1], HubOptions(cache_dir=sys.argv[2], **eval(sys.argv[3]))))
except ImagineIDError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""

CASES = (
    Case("nothing wrong", None),
    Case("the connection breaks in the middle", None, fault("cut")),
    Case("slow: a pause of 3 s in the middle", None, fault("slow")),
    Case("the content ends early", "arrived with the wrong size", fault("short")),
    Case("a byte differs from the SHA-256", "arrived damaged", fault("flipped")),
    Case("the server fails (500)", WEIGHTS, fault("broken")),
    Case("a token that was revoked", "no such repository, or it is private", private("new"), {"token": "old"}),
    Case(
        "a token that may not read it",
        "access to model_index.json was refused",
        private("new", refusal=403),
        {"token": "old"},
    ),
    Case("gated, conditions not accepted", "it is gated", private("new", gated=True), {"token": "old"}),
    Case("the right token", None, private("new"), {"token": "new"}),
    Case("no such revision", "no revision 'v9'", options={"revision": "v9"}),
    Case("offline, nothing downloaded before", "HF_HUB_OFFLINE is set", offline=True),
    Case("the Hub can't be reached", "can't be reached", lambda hub: hub.stop()),
    Case("through a proxy that is not there", "can't be reached", program="proxy"),
    Case("a cache that can't be written", "may not write to the cache", cache=read_only, program="read-only"),
    Case("a full disk", "the disk is full", program="full"),
    Case("two processes at once", None, program="twice"),
)


def load(options: dict[str, object], cache: Path, url: str, nobody: bool = False, **more: str) -> subprocess.Popen[str]:
    """A process of its own that downloads the model."""
    environment = os.environ | {"HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "5"} | more
    command = [sys.executable, "-c", LOAD, REPO, str(cache), repr(options)]
    if nobody:  # root writes everywhere
        caps = [f"--{kind}=-all,+dac_read_search" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
        command = ["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", *caps, *command]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(case: Case, files: dict[str, bytes]) -> Row:
    hub = LoopbackHub()
    with tempfile.TemporaryDirectory(prefix="hub-") as name:
        os.chmod(name, 0o755)
        cache = Path(name) / "cache"
        hub.publish(REPO, files)
        case.cache(cache)
        case.prepare(hub)
        more = {"HF_HUB_OFFLINE": "1"} if case.offline else {}
        if case.program == "proxy":
            more |= dict.fromkeys(("HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9") | {"NO_PROXY": "", "no_proxy": ""}
        begun = time.perf_counter()
        with small_disk(cache, 256 << 10) if case.program == "full" else tempfile.TemporaryDirectory():
            count = 2 if case.program == "twice" else 1
            nobody = case.program == "read-only" and os.geteuid() == 0
            running = [load(case.options, cache, hub.url, nobody, **more) for _ in range(count)]
            answers = [process.communicate(timeout=120) for process in running]
            there = [Path(out.strip()) for (out, _), one in zip(answers, running, strict=True) if not one.returncode]
            problems = [f"{name} differs" for folder in there for name in differing(folder, files)]
            problems += [f"left: {path.name}" for path in cache.rglob("*.incomplete")]
        hub.stop()
    said = [error.strip().splitlines()[-1] for (_, error), one in zip(answers, running, strict=True) if one.returncode]
    typed = all(": The model " in one or ": head" in one for one in said)
    told = not said if case.expected is None else bool(said) and all(case.expected in one for one in said)
    good = not problems and typed and told
    return {
        "fault": case.title, "what came of it": (said or ["the model is there, as it was published"])[0][:230],
        "s": f"{time.perf_counter() - begun:.1f}", "as it should be": "yes" if good else f"NO {problems}",
    }  # fmt: skip


def differing(folder: Path, files: dict[str, bytes]) -> list[str]:
    return [name for name in files if (folder / name).read_bytes() != files[name]]


def main() -> int:
    import json

    from safetensors.numpy import save

    weights = save({"w": np.random.default_rng(0).integers(0, 255, 3_000_000, dtype=np.uint8)})
    index = {"_class_name": "ImagineIDPipeline", "head": ["imagineid_sdk.models", "ParametricHead"]}
    files = {"model_index.json": json.dumps(index).encode(), "head/config.json": b"{}", f"head/{WEIGHTS}": weights}
    with hub_on_loopback():
        rows = [run(case, files) for case in CASES]
    print_table("Faults of the Hub", rows)
    return int(any(row["as it should be"] != "yes" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
