"""Reading MakeHuman's files: meshes fitted to the base head (.mhclo + .obj), textures, skins. All of them are CC0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HAIR_STYLES = (
    "afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04",
)  # fmt: skip
CLOTHES = (
    "female_casualsuit01", "male_casualsuit02", "male_casualsuit04", "male_casualsuit06", "male_elegantsuit01",
    "female_elegantsuit01", "male_casualsuit03", "male_casualsuit05",
)  # fmt: skip
EYEBROWS = tuple(f"eyebrow{number:03d}" for number in range(1, 13))
# How steeply each brow rises outwards, beyond what a calm face has.
EYEBROW_SLOPES = {
    "eyebrow001": 0.03, "eyebrow002": 0.14, "eyebrow003": 0.12, "eyebrow004": 0.16, "eyebrow005": 0.16,
    "eyebrow006": 0.04, "eyebrow007": 0.18, "eyebrow008": 0.12, "eyebrow009": 0.0, "eyebrow010": 0.14,
    "eyebrow011": 0.12, "eyebrow012": 0.0,
}  # fmt: skip
EYELASHES = tuple(f"eyelashes{number:02d}" for number in range(1, 5))


@dataclass
class FittedMesh:
    """A mesh whose vertices hang on triangles of the base mesh, so that it follows any person.

    anchors: (vertices, 3) base vertices; weights: (vertices, 3) barycentric; offsets: (vertices, 3) in units of scale;
    scale: axis -> (base vertex, base vertex, their distance on the model that the offsets were made for);
    hidden: base vertices that the mesh covers; faces and uv_faces: (triangles, 3) into vertices and into `uvs`.
    """

    anchors: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    scale: dict[str, tuple[int, int, float]]
    hidden: np.ndarray
    faces: np.ndarray
    uv_faces: np.ndarray
    uvs: np.ndarray

    def base_vertices(self) -> set[int]:
        """The base vertices without which the mesh can't be placed."""
        ends = {vertex for first, second, _ in self.scale.values() for vertex in (first, second)}
        return ends | set(self.anchors.ravel().tolist())


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (n, 3), texture coordinates (m, 2), and triangles into each (t, 3); polygons are split into fans."""
    vertices, uvs, faces, uv_faces = [], [], [], []
    for line in path.read_text(errors="ignore").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uvs.append([float(word) for word in words[1:3]])
        elif words[0] == "f":
            corners = [word.split("/") for word in words[1:]]
            vertex = [int(corner[0]) - 1 for corner in corners]
            uv = [int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners]
            for k in range(1, len(vertex) - 1):
                faces.append((vertex[0], vertex[k], vertex[k + 1]))
                uv_faces.append((uv[0], uv[k], uv[k + 1]))
    return np.array(vertices), np.array(uvs), np.array(faces), np.array(uv_faces)


def read_fitted_mesh(path: Path) -> FittedMesh:
    """Read a .mhclo file (MakeHuman community wiki, "MHCLO format") and the .obj that it names."""
    scale: dict[str, tuple[int, int, float]] = {}
    rows, hidden, section, obj = [], [], "header", ""
    for line in path.read_text(errors="ignore").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("x_scale", "y_scale", "z_scale"):
            scale[words[0][0]] = (int(words[1]), int(words[2]), float(words[3]))
        elif words[0] == "obj_file":
            obj = words[1]
        elif words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif section == "verts" and (row := _binding(words)):
            rows.append(row)
        elif section == "delete_verts":
            hidden += _vertex_ranges(words)
    vertices, uvs, faces, uv_faces = read_obj(path.parent / obj)
    if len(vertices) != len(rows):
        raise ValueError(
            f"{path} places {len(rows)} vertices, but {obj} has {len(vertices)}: they must belong together"
        )
    table = np.array(rows)
    return FittedMesh(
        table[:, :3].astype(int), table[:, 3:6], table[:, 6:9], scale, np.array(hidden, int), faces, uv_faces, uvs
    )


def _binding(words: list[str]) -> list[float] | None:
    """One vertex: either a base vertex to sit on, or three with weights and an offset."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    if len(numbers) == 1:
        return [numbers[0]] * 3 + [1, 0, 0, 0, 0, 0]
    return numbers[:9] if len(numbers) >= 9 else None


def _vertex_ranges(words: list[str]) -> list[int]:
    """`3 5 - 8` -> 3 5 6 7 8. Words that are no numbers end the list."""
    vertices: list[int] = []
    position = 0
    while position < len(words) and words[position].isdigit():
        first = int(words[position])
        if position + 2 < len(words) and words[position + 1] == "-":
            vertices += range(first, int(words[position + 2]) + 1)
            position += 3
        else:
            vertices.append(first)
            position += 1
    return vertices


class Assets:
    """The folder of CC0 files: base/<kind>/<name>/…, low/proxies/hair/… (smaller textures), skins/*.jpg."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        if not (self.root / "base").is_dir():
            raise FileNotFoundError(
                f"{self.root} has no folder 'base': give that of the MakeHuman assets, see README.md"
            )

    def mesh(self, kind: str, name: str) -> FittedMesh:
        """kind: hair, eyebrows, eyelashes, clothes, teeth or tongue."""
        return read_fitted_mesh(self.root / "base" / kind / name / f"{name}.mhclo")

    def texture(self, kind: str, name: str, size: int) -> np.ndarray:
        """uint8 (size, size, 3 or 4): eyes, teeth and tongue are opaque, the others have a cut-out alpha."""
        mode = "RGB" if kind in ("eyes", "teeth", "tongue") else "RGBA"
        return _read_image(self._texture_path(kind, name), mode, size)

    def skin_names(self) -> list[str]:
        """Sorted `<young|middleage|old>_<lightskinned|darkskinned>_<female|male>_diffuse[number]`."""
        return sorted(path.stem for path in (self.root / "skins").glob("*.jpg"))

    def skin(self, name: str) -> np.ndarray:
        """uint8 (height, width, 3)."""
        return np.asarray(Image.open(self.root / "skins" / f"{name}.jpg"))

    def _texture_path(self, kind: str, name: str) -> Path:
        base = self.root / "base" / kind
        if kind == "eyes":
            return base / "materials" / f"{name}.png"
        if kind == "teeth":
            return base / "materials" / "teeth.png"
        if kind in ("eyebrows", "eyelashes"):
            return base / name / f"{name}.png"
        file = "afro_diffuse.png" if name == "afro01" else f"{name}_diffuse.png"
        path = base / name / file
        return path if path.exists() else self.root / "low" / "proxies" / kind / name / "textures" / file


def _read_image(path: Path, mode: str, size: int) -> np.ndarray:
    return np.asarray(Image.open(path).convert(mode).resize((size, size), Image.Resampling.LANCZOS))
