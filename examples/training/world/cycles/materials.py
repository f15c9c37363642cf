"""What everything but skin and eyes is made of."""

from __future__ import annotations

import bpy
import numpy as np

from ..colors import LUMINANCE, to_display, to_linear
from ..head import Head
from ..people import Person
from .nodes import Nodes, rgba

WHITE_HAIR = np.array([0.50, 0.485, 0.46])


def hair_material(
    name: str,
    color: np.ndarray,
    roughness: float = 0.32,
    vary: float = 0.45,
    grey: float = 0.0,
    root_shade: float = 0.50,
    root_reach: float = 0.30,
):
    """A diffuse body, a white and a coloured reflection, a coloured transmission: together they give back less than
    they get. color: linear; vary: between locks; grey: share of white strands; root_shade: brightness at the root, up
    to the share ``root_reach`` of a strand.
    """
    nodes = Nodes(name)
    info = nodes("HairInfo")
    color = np.clip(np.asarray(color, float), 0.008, 0.62)
    level = float(color @ LUMINANCE)
    tone = nodes("Attribute", attribute_name="tone").outputs["Fac"]
    darker = color * (1 - vary * np.array([0.62, 0.72, 0.82]))
    lighter = np.clip(color * (1 + vary * np.array([1.0, 0.9, 0.75]) * (1 if level < 0.2 else 0.35)), 0, 0.72)
    shade = nodes.mix(tone, rgba(darker), rgba(lighter))
    if grey > 0:
        white = nodes.ramp(info.outputs["Random"], 0.8 - grey, 1.2 - grey)  # thick strands stand for several hairs
        shade = nodes.mix(white, shade, rgba(WHITE_HAIR))
    along = info.outputs["Intercept"]
    bleached = nodes.math("MULTIPLY", nodes.math("POWER", along, 1.6), 0.30)
    shade = nodes.mix(bleached, shade, rgba(np.clip(color * 1.7, 0, 0.65)))
    root = nodes.ramp(along, 0.0, root_reach, root_shade, 1.0)
    shade = nodes.mix(1.0, shade, root, "MULTIPLY")
    body = 0.9 * float(np.interp(level, (0, 0.1, 0.5), (0.75, 0.68, 0.60)))
    diffuse = nodes("BsdfDiffuse", {"Color": nodes.mix(1.0, shade, (body, body, body, 1), "MULTIPLY")})
    # Seen along its own direction a strand would flare: its lobes are made for one that lies across the view.
    dot = nodes("VectorMath", operation="DOT_PRODUCT")
    nodes.connect(dot.inputs[0], info.outputs["Tangent Normal"])
    nodes.connect(dot.inputs[1], nodes("NewGeometry").outputs["Incoming"])
    across = nodes.math("POWER", nodes.math("ABSOLUTE", dot.outputs["Value"]), 2.0)
    pure = np.clip(color / max(color.max(), 1e-4), 0, 1) ** 0.6
    coloured = np.clip(0.010 + 0.34 * color**0.7 * pure, 0, 1) * float(np.interp(level, (0.1, 0.5), (1, 0.45)))

    def lobe(component: str, tint: np.ndarray, offset: float, wide: float, around: float, by_root: bool = False):
        shown = nodes.mix(1.0, rgba(tint), across, "MULTIPLY")
        shown = nodes.mix(1.0, shown, root, "MULTIPLY") if by_root else shown
        inputs = {"Color": shown, "Offset": np.radians(offset), "RoughnessU": roughness * wide, "RoughnessV": around}
        return nodes("BsdfHair", inputs, component=component)

    white = lobe("Reflection", np.full(3, 0.05), -5, 0.65, 0.9)
    inner = lobe("Reflection", coloured, 8, 1.4, 0.7, by_root=True)
    through = lobe("Transmission", np.clip(color**0.8, 0, 0.6) * 0.16, 0, 1.2, 0.35)
    return nodes.done(nodes.add(nodes.add(diffuse, white), nodes.add(inner, through)))


def cloth_picture(head: Head, person: Person) -> np.ndarray:
    """(1024, 1024, 4) uint8: the garment's texture in the person's colour."""
    texture = head.assets.texture("clothes", person.clothes, 1024)
    color = to_linear(texture[..., :3] / 255.0)
    level = color @ LUMINANCE
    shirt = to_linear(np.asarray(person.shirt, float))
    shirt = shirt * 0.7 + 0.3 * shirt.mean()
    usual = max(level[texture[..., 3] > 128].mean(), 0.02)
    dyed = shirt * np.minimum(level / usual, 2.2)[..., None]
    color = color * (1 - person.shirt_tint) + person.shirt_tint * dyed
    shown = to_display(np.clip(color, 0.004, 0.75)) * 255
    return np.dstack([shown.astype(np.uint8), texture[..., 3]])


def cloth_material(image: bpy.types.Image):
    nodes = Nodes("cloth")
    texture = nodes("TexImage", image=image)
    threads = nodes("TexNoise", {"Vector": nodes("UVMap", uv_map="uv").outputs[0], "Scale": 700.0, "Detail": 2.0})
    inputs = {
        "Base Color": texture.outputs["Color"], "Alpha": texture.outputs["Alpha"], "Roughness": 0.85,
        "Specular IOR Level": 0.2, "Sheen Weight": 0.25,
        "Normal": nodes("Bump", {"Height": threads.outputs["Fac"], "Strength": 0.5, "Distance": 0.0006}),
    }  # fmt: skip
    return nodes.done(nodes("BsdfPrincipled", inputs))


def teeth_material(whiteness: float):
    """Vertices carry `tooth`: 1 on enamel, 0 on gum; from the edge 0 to the gum 1; 0..1 to the side."""
    nodes = Nodes("teeth")
    tooth, height, side = nodes("SeparateXYZ", {"Vector": nodes.attribute("tooth")}).outputs
    edge, neck = np.array([0.80, 0.70, 0.57]) * whiteness, np.array([0.70, 0.55, 0.41]) * whiteness
    enamel = nodes.mix(nodes.ramp(height, 0.45, 1.1), rgba(edge), rgba(neck))
    mottled = nodes.ramp(nodes.noise(nodes.attribute("rest"), 300.0), 0.3, 0.7)
    color = nodes.mix(tooth, nodes.mix(mottled, (0.42, 0.15, 0.14, 1), (0.50, 0.21, 0.19, 1)), enamel)
    color = nodes.mix(nodes.ramp(side, 0.25, 1.0, 0.0, 0.45), color, (0.45, 0.36, 0.30, 1), "MULTIPLY")
    inputs = {
        "Base Color": color, "Roughness": 0.32, "Subsurface Weight": 0.4, "Subsurface Scale": 0.0012,
        "Specular IOR Level": 0.35,
    }  # fmt: skip
    return nodes.done(nodes("BsdfPrincipled", inputs))


def tongue_material():
    nodes = Nodes("tongue")
    grain = nodes.noise(nodes.attribute("rest"), 500.0)
    inputs = {
        "Base Color": nodes.mix(grain, (0.40, 0.15, 0.145, 1), (0.56, 0.27, 0.25, 1)), "Roughness": 0.38,
        "Subsurface Weight": 0.6, "Subsurface Scale": 0.002,
        "Normal": nodes("Bump", {"Height": grain, "Strength": 0.5, "Distance": 0.0006}),
    }  # fmt: skip
    return nodes.done(nodes("BsdfPrincipled", inputs))


def frame_material(color: np.ndarray):
    """Of glasses: light colours are metal."""
    nodes = Nodes("frame")
    metal = float(np.mean(color) > 0.15)
    inputs = {"Base Color": rgba(np.clip(color * (1 + 1.2 * metal), 0, 0.8)), "Metallic": metal, "Roughness": 0.3}
    return nodes.done(nodes("BsdfPrincipled", inputs))


def lens_material():
    """Clear, without shadow, and with less of a reflection than glass: it must not hide the eyes."""
    nodes = Nodes("lens")
    fresnel, path = nodes("Fresnel", {"IOR": 1.20}), nodes("LightPath")
    share = nodes.math("MINIMUM", fresnel.outputs[0], 0.10)
    share = nodes.math("MULTIPLY", share, nodes.math("SUBTRACT", 1.0, path.outputs["Is Shadow Ray"]))
    clear = nodes("BsdfTransparent", {"Color": (0.975, 0.985, 0.975, 1)})
    gloss = nodes("BsdfAnisotropic", {"Roughness": 0.05, "Color": (0.8, 0.85, 0.82, 1)})
    return nodes.done(nodes.mix_shaders(share, clear, gloss))
