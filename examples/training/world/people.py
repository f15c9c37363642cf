"""Drawing a person: body, face shape, skin, hair, eyes, brows, beard, clothes. Everything follows from the seed."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from .assets import EYELASHES
from .glasses import FRAMES
from .hair import random_hair_shape
from .head import BROW_RANGE, Head

Skin = tuple[tuple[str, float], tuple[str, float]]
GLASSES_COLORS = {
    "black": (0.012, 0.012, 0.013), "tortoise": (0.09, 0.035, 0.014), "gold": (0.28, 0.19, 0.08),
    "silver": (0.22, 0.225, 0.24), "blue": (0.02, 0.05, 0.14), "red": (0.18, 0.015, 0.02),
}  # fmt: skip
ANCESTRIES = ("african", "asian", "caucasian")
SHAVED = ("bald", "buzz")  # hair styles painted on the scalp

# Linear RGB.
HAIR_COLORS = {
    "black": (0.018, 0.014, 0.012), "dark": (0.045, 0.026, 0.016), "brown": (0.10, 0.055, 0.030),
    "light": (0.20, 0.115, 0.06), "blonde": (0.46, 0.31, 0.15), "ash": (0.33, 0.26, 0.18), "red": (0.17, 0.058, 0.025),
    "grey": (0.37, 0.345, 0.315), "white": (0.54, 0.52, 0.48), "chestnut": (0.075, 0.034, 0.018),
    "auburn": (0.11, 0.035, 0.018), "copper": (0.26, 0.085, 0.03), "strawberry": (0.40, 0.20, 0.09),
    "platinum": (0.56, 0.46, 0.30), "steel": (0.21, 0.198, 0.183),
}  # fmt: skip
# Texture of each eye colour. Dark brown is the light brown one, tinted in the shader.
EYE_TEXTURES = {
    "brownlight": "brownlight_eye", "blue": "blue_eye", "bluegreen": "bluegreen_eye", "green": "green_eye",
    "grey": "grey_eye", "ice": "ice_eye", "lightblue": "lightblue_eye", "brown": "brownlight_eye",
}  # fmt: skip
CAUCASIAN_EYES = {
    "brownlight": 0.2, "brown": 0.2, "blue": 0.15, "bluegreen": 0.12, "green": 0.13, "grey": 0.08, "lightblue": 0.08,
    "ice": 0.04,
}  # fmt: skip

# Spread of the random local shapes, by the part of the face that a local change begins with.
LOCAL_SPREAD = {
    "eye": 0.55, "head": 0.85, "neck": 0.45, "forehead": 1.0, "eyebrows": 0.6, "ear": 1.0, "mouth": 0.95, "nose": 1.35,
    "chin": 1.35, "cheek": 1.3,
}  # fmt: skip
# These deform beyond what people look like, or fight with the eyes and the mouth.
LOCAL_UNUSED = (
    "head-angle", "head-trans", "neck-trans", "neck-double", "nose-trans-out", "mouth-trans-out", "head-age",
    "head-fat", "forehead-nubian", "eye-push", "eye-trans-out", "mouth-angles", "mouth-scale-depth", "chin-prognathism",
)  # fmt: skip
# Added to the faces of women and of men: without it the random shapes bury what tells them apart.
FEMALE_BIAS = {
    "eye-scale-incr": 0.43, "nose-scale-horiz-incr": -0.45, "nose-volume-incr": -0.68, "chin-width-incr": -0.61,
    "chin-bones-incr": -0.58, "chin-jaw-drop-incr": -0.4, "mouth-lowerlip-volume-incr": 0.22,
    "mouth-upperlip-volume-incr": 0.25, "mouth-upperlip-height-incr": 0.12, "eyebrows-trans-up": 0.61,
    "eyebrows-trans-forward": -0.76, "eyebrows-angle-up": 0.22, "neck-scale-horiz-incr": -0.58,
    "cheek-bones-incr": 0.36, "mouth-scale-horiz-incr": -0.18, "head-scale-horiz-incr": -0.11,
    "forehead-trans-forward": 0.18,
}  # fmt: skip
MALE_BIAS = {
    "eyebrows-trans-up": -0.12, "eyebrows-trans-forward": 0.25, "chin-bones-incr": 0.3, "chin-width-incr": 0.25,
    "chin-jaw-drop-incr": 0.2, "neck-scale-horiz-incr": 0.25, "nose-volume-incr": 0.15,
}  # fmt: skip
# Added to a child's face, fading out towards youth: large eyes and skull, small jaw and nose, round cheeks.
CHILD_BIAS = {
    "eye-scale-incr": 0.30, "eye-height2-incr": 0.12, "forehead-scale-vert-incr": 0.25,
    "nose-scale-vert-incr": -0.25, "nose-scale-depth-incr": -0.15, "nose-volume-incr": -0.20, "nose-hump-incr": -0.30,
    "nose-point-up": 0.25, "nose-base-up": 0.15, "nose-greek-incr": -0.20, "nose-width1-incr": 0.10,
    "chin-height-incr": -0.30, "chin-prominent-incr": -0.20, "chin-bones-incr": -0.25, "chin-jaw-drop-incr": -0.20,
    "chin-width-incr": -0.10, "cheek-volume-incr": 0.35, "cheek-inner-incr": 0.20, "cheek-bones-incr": -0.25,
    "mouth-scale-horiz-incr": -0.15, "mouth-laugh-lines-out": -0.20, "eyebrows-trans-forward": -0.35,
    "neck-scale-horiz-incr": -0.25, "neck-scale-depth-incr": -0.20, "head-scale-depth-incr": 0.10,
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Everything fixed about a person. Colours are linear RGB, but for the shirt's, which is as displayed, 0..1.

    phenotype: anny's macro values 0..1 (gender 0 male .. 1 female; age 1/3 child .. 2/3 young adult .. 1 old);
    local: local change -> -1..1; skin: two (texture, share); rest: actions of the resting face; beard: 0 none .. 1;
    hair_shape: see `hair.py`; lip_amount: lipstick 0..1; shirt_tint: 0 the texture's own colour .. 1 the shirt's.
    """

    seed: int
    phenotype: dict[str, float]
    local: dict[str, float]
    skin: Skin
    tone: np.ndarray
    hair: str
    hair_shape: np.ndarray
    hair_color: np.ndarray
    brow: str
    brow_color: np.ndarray
    brow_gain: float
    eye: str
    iris_brightness: float
    lash: str
    lash_gain: float
    clothes: str
    shirt: np.ndarray
    shirt_tint: float
    beard: float
    lip_color: np.ndarray
    lip_amount: float
    blush: float
    rest: dict[str, float]
    glasses: str | None
    glasses_color: np.ndarray

    @property
    def shaved(self) -> bool:
        return self.hair in SHAVED

    def to_dict(self) -> dict:
        """json-able."""
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}


def random_person(
    head: Head, seed: int, *, gender: float | None = None, age: float | None = None, ancestry: str | None = None
) -> Person:
    """gender: 0 male .. 1 female; age: anny's 0.2 .. 1; ancestry: the largest of a mixture; None: drawn."""
    rng = np.random.default_rng(seed)
    phenotype = _phenotype(rng, gender, age, ancestry)
    local = _local_shapes(rng, head, phenotype)
    female, years, dark = phenotype["gender"] > 0.5, phenotype["age"], phenotype["african"]
    skin = _skin_textures(rng, head, female, years, dark)
    tone = _skin_tone(rng, dark)
    hair = _hair_style(rng, female, years, dark)
    hair_color, brow_color = _hair_color(rng, phenotype)
    light_eyed = phenotype["caucasian"] > 0.5
    eyes = _choose(rng, CAUCASIAN_EYES) if light_eyed else "brown"
    iris_brightness = 1.0 if light_eyed else float(rng.uniform(0.5, 0.85))
    brows = _brows(rng, female, years)
    local["eyebrows-angle-up"] += 0.2
    clothes = _clothes(rng, female, years)
    shirt = np.array(colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0, 0.9), rng.uniform(0.12, 0.98)))
    beard = (
        0.0 if female or years < 0.62 else float(rng.choice([0, 0, rng.uniform(0.15, 0.45), rng.uniform(0.45, 0.85)]))
    )
    lashes = str(rng.choice(EYELASHES)) if female else "eyelashes01"
    shirt_tint = float(rng.uniform(0.5, 1))
    lip_amount = float(rng.choice([0, rng.uniform(0.15, 0.7), rng.uniform(0.15, 0.7)]))
    rng.integers(1 << 30)  # unused: seeds keep the people that they drew before
    glasses, glasses_color = _glasses(seed, years)
    return Person(
        seed, phenotype, local, skin, tone, hair, random_hair_shape(seed), hair_color, brows, brow_color,
        brow_gain=(1.15 if female else 1.6) - 0.4 * childlike(years),
        eye=eyes, iris_brightness=iris_brightness,
        lash=lashes,
        lash_gain=1.5 if female else 0.45,
        clothes=clothes,
        shirt=shirt.astype(np.float32),
        shirt_tint=shirt_tint - 0.45 if "elegant" in clothes else shirt_tint,
        beard=beard,
        lip_color=(np.array([0.62, 0.10, 0.14]) * float(rng.uniform(0.6, 1.2))).astype(np.float32),
        lip_amount=lip_amount if female and years > 0.6 else 0.0,
        blush=float(rng.uniform(0, 0.5)),
        rest={
            "browInnerUp": float(rng.uniform(0.08, 0.24)) / BROW_RANGE["browInnerUp"],
            "browDown": -float(rng.uniform(0.08, 0.22)) / BROW_RANGE["browDown"],
            "mouthSmile": float(rng.uniform(0.08, 0.28)),
        },
        glasses=glasses,
        glasses_color=glasses_color,
    )  # fmt: skip


def childlike(age: float) -> float:
    """1 up to ten years (anny's age 1/3), 0 from eighteen on (0.52)."""
    return float(np.clip((0.52 - age) / (0.52 - 1 / 3), 0, 1))


def _choose(rng: np.random.Generator, weights: dict[str, float]) -> str:
    p = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=p / p.sum()))


def _phenotype(rng, gender: float | None, age: float | None, ancestry: str | None) -> dict[str, float]:
    if gender is None:
        gender = float(rng.choice([rng.uniform(0, 0.12), rng.uniform(0.88, 1)]))
    if age is None:
        bands = [rng.uniform(0.22, 0.55), rng.uniform(0.6, 0.8), rng.uniform(0.7, 0.9), rng.uniform(0.82, 1)]
        age = float(rng.choice(bands))
    if ancestry is None:
        mixture = rng.dirichlet([0.35] * 3)
    else:
        mixture = rng.dirichlet([0.3] * 3) * 0.25
        mixture[ANCESTRIES.index(ancestry)] += 0.75
    return {
        "gender": gender,
        "age": age,
        "muscle": rng.uniform(0.3, 0.55) if gender > 0.5 else rng.uniform(0.4, 0.7),
        "weight": float(np.clip(rng.normal(0.5, 0.14), 0.2, 0.9)),
        "height": 0.5,
        "proportions": rng.uniform(0.2, 0.6) if age > 0.9 else rng.uniform(0, 0.45),
        "cupsize": 0.4,
        "firmness": 0.5,
        **dict(zip(ANCESTRIES, (float(share) for share in mixture), strict=True)),
    }


def _local_shapes(rng, head: Head, phenotype: dict[str, float]) -> dict[str, float]:
    female = phenotype["gender"] > 0.5
    bias = FEMALE_BIAS if female else MALE_BIAS
    adult = min(1.0, max(0.3, (phenotype["age"] - 0.3) / 0.3))
    child = childlike(phenotype["age"])
    local = {}
    for change in head.local_changes:
        side, name = (change[:2], change[2:]) if change[:2] in ("l-", "r-") else ("", change)
        area = name.split("-")[0]
        if area not in LOCAL_SPREAD or any(word in change for word in LOCAL_UNUSED) or side == "r-":
            continue
        value = float(np.clip(rng.normal(0, 0.3), -0.75, 0.75)) * LOCAL_SPREAD[area]
        if any(word in change for word in ("flaring", "nostrils", "septum")):
            value *= 0.35
        if female and area in ("chin", "eyebrows", "nose", "neck", "forehead"):
            value *= 0.7
        local[change] = value * (1 - 0.4 * child) + bias.get(name, 0.0) * adult + CHILD_BIAS.get(name, 0.0) * child
        if side == "l-":  # faces are nearly symmetric
            local["r-" + name] = local[change] + float(rng.normal(0, 0.04))
    local["head-fat-incr"] = float(np.clip(rng.normal(0, 0.15), -0.25, 0.35))
    return local


def _skin_textures(rng, head: Head, female: bool, age: float, dark: float) -> Skin:
    """Two textures that suit the person best, with a random part in it, and their shares."""
    by_age = {
        "young": max(0, 1 - max(0, age - 0.68) / 0.17),
        "middleage": max(0, 1 - abs(age - 0.85) / 0.17),
        "old": max(0, 1 - max(0, 0.98 - age) / 0.15) if age > 0.8 else 0,
    }
    sex = "female" if female else "male"
    names = [name for name in head.assets.skin_names() if name.split("_")[2] == sex]
    scores = []
    for name in names:
        band, shade = name.split("_")[:2]
        fit = by_age[band] * (dark if shade == "darkskinned" else 1 - dark)
        scores.append(max(fit, 1e-9) ** 1.5 * rng.uniform(0.05, 1))
    first, second = np.argsort(scores)[::-1][:2]
    share = float(scores[first] / (scores[first] + scores[second] + 1e-9))
    return (names[first], share), (names[second], 1 - share)


def _skin_tone(rng, dark: float) -> np.ndarray:
    """A factor on the texture, linear RGB."""
    hue, level = np.exp(rng.normal(0, [0.05, 0.05, 0.06])), np.exp(rng.normal(0, 0.10))
    light = np.array([0.97, 0.89, 0.82]) * rng.uniform(0.68, 0.93)
    return (hue * level * (light * (1 - dark) + np.array([1.16, 1.15, 1.14]) * dark)).astype(np.float32)


def _hair_style(rng, female: bool, age: float, dark: float) -> str:
    if dark > 0.5:
        if female:
            return _choose(
                rng, {"afro01": 1.0, "braid01": 1.8, "bob01": 1.5, "long01": 1.8, "ponytail01": 0.5, "buzz": 0.1}
            )
        return _choose(rng, {"afro01": 2, "short01": 1.5, "buzz": 2, "bald": 0.5, "short04": 1})
    if female:
        return _choose(
            rng,
            {
                "bob01": 2.0,
                "bob02": 2.0,
                "braid01": 2.0,
                "long01": 3.0,
                "ponytail01": 0.7,
                "short03": 0.5,
                "short01": 0.05,
            },
        )
    bald = 0.25 + (age > 0.85)
    return _choose(
        rng,
        {
            "short01": 2.5, "short02": 2.5, "short03": 0.8, "short04": 2.5, "bald": bald, "buzz": 0.5,
            "ponytail01": 0.1, "long01": 0.1,
        },
    )  # fmt: skip


def _hair_color(rng, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Of hair and of brows: grey with age."""
    if phenotype["caucasian"] > 0.5:
        weights = {
            "black": 0.5, "dark": 1.6, "chestnut": 1.2, "brown": 2.4, "light": 2, "blonde": 1.8, "ash": 1.2, "red": 0.6,
            "auburn": 0.5, "copper": 0.4, "strawberry": 0.4, "platinum": 0.4,
        }  # fmt: skip
    elif phenotype["asian"] > 0.5:
        weights = {"black": 4, "dark": 2, "chestnut": 0.6, "brown": 0.4, "auburn": 0.2}
    else:
        weights = {"black": 4, "dark": 1.5, "chestnut": 0.4, "auburn": 0.15}
    color = np.array(HAIR_COLORS[_choose(rng, weights)])
    color = color * np.exp(rng.normal(0, 0.12, 3) * 0.4 + rng.normal(0, 0.15))
    brow = np.minimum(color * 0.5, [0.085, 0.055, 0.036])
    age = phenotype["age"]
    if age > 0.84:
        grey = float(np.clip((age - 0.84) / 0.12 * rng.uniform(0.3, 1.2), 0, 1))
        color = color * (1 - grey) + np.array(HAIR_COLORS[str(rng.choice(["steel", "grey", "white"]))]) * grey
        brow = brow * (1 - grey * 0.6) + np.array([0.15, 0.14, 0.135]) * grey * 0.6
    return color.astype(np.float32), brow.astype(np.float32)


def _brows(rng, female: bool, age: float) -> str:
    return _choose(
        rng,
        {
            "eyebrow001": 4, "eyebrow003": 0.6, "eyebrow008": 1.2, "eyebrow004": 0.8, "eyebrow010": 1.4,
            "eyebrow011": 1.2, "eyebrow002": 0.8 if female else 0.2, "eyebrow005": 0.6 if female else 0.2,
            "eyebrow006": 0.5 if female and age > 0.8 else 0, "eyebrow009": 0 if female else 1.5,
        },
    )  # fmt: skip


def _clothes(rng, female: bool, age: float) -> str:
    if female:
        names = ["female_casualsuit01", "female_elegantsuit01", "male_casualsuit06", "male_casualsuit04"]
    else:
        names = [
            "male_casualsuit02", "male_casualsuit04", "male_casualsuit06", "male_elegantsuit01", "male_casualsuit03",
            "male_casualsuit05",
        ]  # fmt: skip
    choice = str(rng.choice(names))
    return str(rng.choice(["male_casualsuit04", "male_casualsuit06", "female_casualsuit01"])) if age < 0.55 else choice


def _glasses(seed: int, age: float) -> tuple[str | None, np.ndarray]:
    """One person in six, more of the old, fewer children. Own random numbers: the rest of the person stays as it is."""
    rng = np.random.default_rng([seed, 1])
    share = 0.06 if age < 0.45 else 0.15 + 0.2 * (age > 0.85)
    wears, frame = rng.uniform() < share, str(rng.choice(list(FRAMES)))
    color = GLASSES_COLORS[str(rng.choice(list(GLASSES_COLORS), p=[0.35, 0.2, 0.12, 0.15, 0.1, 0.08]))]
    return (frame if wears else None), np.array(color, np.float32)
