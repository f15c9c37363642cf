"""Between autoencoder and denoiser: geometry maps, latents, what counts in them, and descriptions, once.

python -m examples.training.prepare_people maps --people DIR --codes .train/codes.npz --out .train/prepared
python -m examples.training.prepare_people latents --people DIR --autoencoder DIR --out .train/prepared
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from examples.training.describe_people import describe
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import Person, people, planes, to_images
from imagineid_sdk.face.mesh.geometry_maps import GeometryRenderer
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.adapters.spatial import motion_vector
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

SHIPPED = Path("imagineid_sdk/weights/tiny")
REGION_WEIGHT = torch.tensor([0.4, 1.0, 4.0, 4.0, 12.0, 6.0, 1.0, 0.6, 1.5, 2.0])
"""How much a region of ``people_dataset`` counts in latents: an eye or a brow is two cells of 256, and a face whose two
don't match is the first thing that anybody sees."""


def cell_weights(segmentation: torch.Tensor) -> torch.Tensor:
    """Segmentation ``(frames, 256, 256)`` -> how much each latent counts ``(frames, 1, 16, 16)``, 1 on average."""
    weights = F.avg_pool2d(REGION_WEIGHT.to(segmentation.device)[segmentation.long()][:, None], 16)
    return weights / weights.mean((2, 3), keepdim=True)


def draw_maps(head: ParametricHead, person: Person, code: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Of the first ``count`` frames: maps ``(.., 14, 128, 128)`` int8 (times 127), flow ``(.., 2, 128, 128)`` float16,
    centers ``(.., 2, 2)`` float32."""
    stored = person.parameters
    actions, pose = torch.from_numpy(stored["actions"][:count]), torch.from_numpy(stored["pose"][:count])
    frames = head(torch.from_numpy(code), actions, pose)
    renderer = GeometryRenderer(head)
    drawn = renderer.draw(frames, renderer.reference(frames))
    maps = (drawn.maps.clamp(-1, 1) * 127).round().to(torch.int8).numpy()
    return {"maps": maps, "flow": drawn.flow.half().numpy(), "centers": drawn.centers.numpy()}


@dataclass(frozen=True)
class Prepared:
    """What the trainings of denoiser and adapters read of one person."""

    person: Person
    folder: Path
    identity: Identity

    @cached_property
    def maps(self) -> np.ndarray:
        return np.load(self.folder / f"{self.person.path.stem}.maps.npy", mmap_mode="r")

    @cached_property
    def flow(self) -> np.ndarray:
        return np.load(self.folder / f"{self.person.path.stem}.flow.npy", mmap_mode="r")

    @cached_property
    def centers(self) -> np.ndarray:
        """``(frames, 2, 2)`` float32: mouth and eyes, see ``GeometryMaps.centers``."""
        return np.load(self.folder / f"{self.person.path.stem}.centers.npy")

    @cached_property
    def latents(self) -> np.ndarray:
        """``(frames, 2, 16, 16, 16)`` float16, unit variance: of the pictures and of their mirror images."""
        return np.load(self.folder / f"{self.person.path.stem}.latents.npy")

    @cached_property
    def weights(self) -> np.ndarray:
        """How much each latent counts, ``(frames, 1, 16, 16)`` float16."""
        return np.load(self.folder / f"{self.person.path.stem}.weights.npy")

    @cached_property
    def motion(self) -> torch.Tensor:
        stored = self.person.parameters
        return motion_vector(torch.from_numpy(stored["actions"]), torch.from_numpy(stored["pose"]))

    def geometry(self, frames: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.maps[frames]).float() / 127, torch.from_numpy(self.flow[frames]).float()


def prepared(folder: Path, renders: Path, codes: Path, held_out: bool = False) -> list[Prepared]:
    """All persons with maps and latents, and their identities with the code filled in."""
    with np.load(codes) as stored:
        known = {name: stored[name] for name in stored.files}
    return [
        Prepared(person, folder, replace(describe(person), code=known[person.path.stem]))
        for person in people(renders, held_out)
        if person.path.stem in known and (folder / f"{person.path.stem}.latents.npy").exists()
    ]


@torch.no_grad()
def latent_statistics(model: HeadAutoencoder, persons: list[Person], frames: int = 400) -> None:
    """Set the model's mean and deviation of the latents."""
    shown = [persons[i % len(persons)].pictures for i in range(frames)]
    chosen = [pictures[7 * i % len(pictures)] for i, pictures in enumerate(shown)]
    images = [to_images(planes(chosen[i : i + 16]))[0] for i in range(0, frames, 16)]
    means = torch.cat([model.posterior(some)[0] for some in images])
    model.latent_mean.copy_(means.mean((0, 2, 3))[None, :, None, None])
    model.latent_std.copy_(means.std((0, 2, 3))[None, :, None, None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("maps", "latents"))
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--head", type=Path, default=SHIPPED / "head")
    parser.add_argument("--autoencoder", type=Path, default=Path(".train/autoencoder/model"), help="with its encoder")
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
    parser.add_argument("--out", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--frames", type=int, default=36, help="of each person")
    parser.add_argument("--share", default="0/1", help="of the people: 1/4 is the second of four")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    share, shares = map(int, options.share.split("/"))
    everyone = (people(options.people) + people(options.people, held_out=True))[share::shares]
    if options.what == "maps":
        head = ParametricHead.from_pretrained(options.head)
        codes = dict(np.load(options.codes))
        for person in tqdm([person for person in everyone if person.path.stem in codes]):
            target = options.out / f"{person.path.stem}.maps.npy"
            if not target.exists():
                drawn = draw_maps(head, person, codes[person.path.stem], options.frames)
                for name in ("centers", "flow", "maps"):  # the last says that all are there
                    np.save(options.out / f"{person.path.stem}.{name}.npy", drawn[name])
        return
    model = HeadAutoencoder.from_pretrained(options.autoencoder).float()
    model.to(DEVICE, memory_format=torch.channels_last)
    everyone = [person for person in everyone if not (options.out / f"{person.path.stem}.latents.npy").exists()]
    for person in tqdm(everyone):
        with torch.no_grad(), autocast():
            images, segmentation = to_images(planes([person.pictures[: options.frames]])[0])
            both = torch.stack([images, images.flip(-1)], 1).flatten(0, 1).contiguous(memory_format=torch.channels_last)
            latents = torch.cat([model.encode(part) for part in both.split(12)]).unflatten(0, (-1, 2)).cpu()
        np.save(options.out / f"{person.path.stem}.weights.npy", cell_weights(segmentation).half().cpu().numpy())
        np.save(options.out / f"{person.path.stem}.latents.npy", latents.half().numpy())


if __name__ == "__main__":
    main()
