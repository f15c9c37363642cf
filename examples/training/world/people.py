"""Drawing a person: body, face shape, skin, hair, eyes, brows, beard, clothes. Everything follows from the seed."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from .glasses import FRAMES
from .head import BROW_RANGE, Head
from .strands.looks import random_look

Skin = tuple[tuple[str, float], tuple[str, float]]
GLASSES_COLORS = {
    "black": (0.012, 0.012, 0.013), "tortoise": (0.09, 0.035, 0.014), "gold": (0.28, 0.19, 0.08),
    "silver": (0.22, 0.225, 0.24), "blue": (0.02, 0.05, 0.14), "red": (0.18, 0.015, 0.02),
}  # fmt: skip
ANCESTRIES = ("african", "asian", "caucasian")
BEARD_STYLES = {"full": 0.5, "short": 0.25, "goatee": 0.15, "moustache": 0.1}

# Linear RGB.
HAIR_COLORS = {
    "black": (0.016, 0.014, 0.013), "dark": (0.036, 0.026, 0.019), "brown": (0.082, 0.055, 0.036),
    "light": (0.17, 0.118, 0.074), "blonde": (0.42, 0.30, 0.17), "ash": (0.29, 0.235, 0.175),
    "red": (0.17, 0.070, 0.030), "grey": (0.37, 0.345, 0.315), "white": (0.54, 0.52, 0.48),
    "chestnut": (0.060, 0.036, 0.023),
    "auburn": (0.092, 0.042, 0.025), "copper": (0.22, 0.095, 0.042), "strawberry": (0.38, 0.22, 0.11),
    "platinum": (0.54, 0.46, 0.33), "steel": (0.21, 0.198, 0.183),
}  # fmt: skip
CAUCASIAN_EYES = {
    "brownlight": 0.2, "brown": 0.2, "blue": 0.15, "bluegreen": 0.12, "green": 0.13, "grey": 0.08, "lightblue": 0.08,
    "ice": 0.04,
}  # fmt: skip
MELANIN = (0, 0.2, 0.4, 0.6, 0.8, 1.0)
SKIN_COLORS = (
    (0.63, 0.44, 0.355), (0.545, 0.360, 0.270), (0.415, 0.256, 0.178), (0.275, 0.158, 0.104), (0.155, 0.088, 0.060),
    (0.088, 0.052, 0.038),
)  # fmt: skip
"""Of skin with so much melanin, 0 fair .. 1 very dark."""

LOCAL_LIMIT = 0.34
"""How far chance moves a local shape at most: beyond it heads are odd, and no two of ten need to be."""
# Spread of the random local shapes, by the part of the face that a local change begins with.
LOCAL_SPREAD = {
    "eye": 0.29, "head": 0.44, "neck": 0.23, "forehead": 0.52, "eyebrows": 0.31, "ear": 0.52, "mouth": 0.50,
    "nose": 0.70, "chin": 0.70, "cheek": 0.68,
}  # fmt: skip
# These deform beyond what people look like, or fight with the eyes and the mouth.
LOCAL_UNUSED = (
    "head-angle", "head-trans", "neck-trans", "neck-double", "nose-trans-out", "mouth-trans-out", "head-age",
    "head-fat", "forehead-nubian", "eye-push", "eye-trans-out", "mouth-angles", "mouth-scale-depth", "chin-prognathism",
)  # fmt: skip
# Added to everybody: MakeHuman's average has large eyes, a high round skull and a narrow jaw.
EVERYBODY_BIAS = {
    "eye-scale-incr": -0.14, "chin-width-incr": 0.22, "chin-bones-incr": 0.18, "chin-jaw-drop-incr": 0.10,
    "forehead-scale-vert-incr": -0.22, "head-scale-vert-incr": -0.12, "forehead-temple-incr": 0.15,
    "neck-scale-horiz-incr": 0.05, "head-scale-horiz-incr": 0.06, "eye-height2-incr": 0.06,
    "nose-scale-depth-incr": -0.08, "mouth-scale-horiz-incr": 0.08, "eyebrows-angle-up": -0.06,
}  # fmt: skip
WOMENS_JAW = 0.4
"""Share of it that the jaw, neck and skull of women get."""
FEMALE_BIAS = {
    "eye-scale-incr": 0.22, "nose-scale-horiz-incr": -0.32, "nose-volume-incr": -0.48, "chin-width-incr": -0.46,
    "chin-bones-incr": -0.46, "chin-jaw-drop-incr": -0.32, "mouth-lowerlip-volume-incr": 0.22,
    "mouth-upperlip-volume-incr": 0.24, "mouth-upperlip-height-incr": 0.10, "eyebrows-trans-up": 0.42,
    "eyebrows-trans-forward": -0.55, "eyebrows-angle-up": 0.14, "neck-scale-horiz-incr": -0.46,
    "cheek-bones-incr": 0.26, "mouth-scale-horiz-incr": -0.11, "head-scale-horiz-incr": -0.07,
    "forehead-trans-forward": 0.11,
}  # fmt: skip
MALE_BIAS = {
    "eyebrows-trans-up": -0.22, "eyebrows-trans-forward": 0.15, "chin-bones-incr": 0.41, "chin-width-incr": 0.38,
    "chin-jaw-drop-incr": 0.24, "neck-scale-horiz-incr": 0.41, "nose-volume-incr": 0.09, "eye-scale-incr": -0.08,
}  # fmt: skip
# Added to a child's face, fading out towards youth: large eyes and skull, small jaw and nose, round cheeks.
CHILD_BIAS = {
    "eye-scale-incr": 0.15, "eye-height2-incr": 0.08, "forehead-scale-vert-incr": 0.22,
    "nose-scale-vert-incr": -0.25, "nose-scale-depth-incr": -0.15, "nose-volume-incr": -0.20, "nose-hump-incr": -0.30,
    "nose-point-up": 0.25, "nose-base-up": 0.15, "nose-greek-incr": -0.20, "nose-width1-incr": 0.10,
    "chin-height-incr": -0.30, "chin-prominent-incr": -0.20, "chin-bones-incr": -0.35, "chin-jaw-drop-incr": -0.25,
    "chin-width-incr": -0.20, "cheek-volume-incr": 0.40, "cheek-inner-incr": 0.25, "cheek-bones-incr": -0.25,
    "mouth-scale-horiz-incr": -0.15, "mouth-laugh-lines-out": -0.20, "eyebrows-trans-forward": -0.35,
    "neck-scale-horiz-incr": -0.35, "neck-scale-depth-incr": -0.25, "head-scale-depth-incr": 0.10,
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Everything fixed about a person. Colours are linear RGB, but for the shirt's, which is as displayed, 0..1.

    phenotype: anny's macro values 0..1 (gender 0 male .. 1 female; age 1/3 child .. 2/3 young adult .. 1 old);
    local: local change -> -1..1; skin: two (texture, share); tone: colour of the skin; melanin: 0 fair .. 1 very dark;
    evenness: of the skin, 1 is usual, less is smoother; freckles: 0..1; hair: a look of `strands.looks`;
    hair_shape: (4,) -1..1 height, width, length, hairline (1 far back); grey: share of white strands;
    beard: 0 none, 1 stubble .. 2 a full beard; lip_amount: lipstick 0..1; shirt_tint: 0 the texture's own colour .. 1
    the shirt's; rest: actions of the resting face.
    """

    seed: int
    phenotype: dict[str, float]
    local: dict[str, float]
    skin: Skin
    tone: np.ndarray
    melanin: float
    evenness: float
    freckles: float
    hair: str
    hair_shape: np.ndarray
    hair_color: np.ndarray
    grey: float
    brow: str
    brow_color: np.ndarray
    eye: str
    iris_brightness: float
    clothes: str
    shirt: np.ndarray
    shirt_tint: float
    beard: float
    beard_style: str
    lip_color: np.ndarray
    lip_amount: float
    rest: dict[str, float]
    glasses: str | None
    glasses_color: np.ndarray

    @property
    def female(self) -> bool:
        return self.phenotype["gender"] > 0.5

    @property
    def grown(self) -> bool:
        return self.phenotype["age"] > 0.6

    @property
    def child(self) -> float:
        return childlike(self.phenotype["age"])

    def to_dict(self) -> dict:
        """json-able."""
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}


def random_person(
    head: Head, seed: int, *, gender: float | None = None, age: float | None = None, ancestry: str | None = None
) -> Person:
    """gender: 0 male .. 1 female; age: anny's 0.2 .. 1; ancestry: the largest of a mixture; None: drawn."""
    rng = np.random.default_rng(seed)
    phenotype = _phenotype(rng, gender, age, ancestry)
    female, years = phenotype["gender"] > 0.5, phenotype["age"]
    local = _local_shapes(rng, head, phenotype)
    skin = _skin_textures(rng, head, female, years, phenotype["african"])
    melanin = _melanin(rng, phenotype)
    tone = np.exp([np.interp(melanin, MELANIN, np.log(SKIN_COLORS)[:, k]) for k in range(3)])
    hair_color, brow_color, grey = _hair_color(rng, phenotype)
    light_eyed = phenotype["caucasian"] > 0.5 and melanin < 0.4
    beard = 0.0
    if not female and years > 0.62:
        beard = float(rng.choice([0, 0, rng.uniform(0.4, 1.2), rng.uniform(1.2, 2.0)]))
    made_up = float(rng.choice([0, rng.uniform(0.1, 0.5)])) if female and years > 0.62 else 0.0
    clothes = _clothes(rng, female, years)
    shirt_tint = float(rng.uniform(0.5, 1)) - (0.45 if "elegant" in clothes else 0)
    freckled = melanin < 0.25 and years < 0.8 and rng.uniform() < 0.25
    glasses, glasses_color = _glasses(rng, years)
    return Person(
        seed, phenotype, local, skin,
        tone=(tone * np.exp(rng.normal(0, [0.02, 0.025, 0.04]))).astype(np.float32),
        melanin=melanin,
        evenness=_evenness(rng, female, years),
        freckles=float(rng.uniform(0.2, 0.5)) if freckled else 0.0,
        hair=random_look(phenotype, rng),
        hair_shape=rng.uniform(-0.85, 0.85, 4).astype(np.float32),
        hair_color=hair_color, grey=grey, brow=_brows(rng, female, years), brow_color=brow_color,
        eye=_choose(rng, CAUCASIAN_EYES) if light_eyed else "brown",
        iris_brightness=1.0 if light_eyed else float(rng.uniform(0.5, 0.85)),
        clothes=clothes,
        shirt=np.array(colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0, 0.9), rng.uniform(0.12, 0.98)), np.float32),
        shirt_tint=shirt_tint,
        beard=beard, beard_style=_choose(rng, BEARD_STYLES),
        lip_color=(np.array([0.50, 0.09, 0.11]) * float(rng.uniform(0.6, 1.2))).astype(np.float32),
        lip_amount=made_up,
        rest={
            "browInnerUp": 0.0, "browDown": float(rng.uniform(-0.08, 0.06)) / BROW_RANGE["browDown"],
            "mouthSmile": float(rng.uniform(0.06, 0.18)), "eyeWide": float(rng.uniform(0.08, 0.22)),
        },
        glasses=glasses, glasses_color=glasses_color,
    )  # fmt: skip


def childlike(age: float) -> float:
    """1 up to ten years (anny's age 1/3), 0 from eighteen on (0.52)."""
    return float(np.clip((0.52 - age) / (0.52 - 1 / 3), 0, 1))


def _choose(rng: np.random.Generator, weights: dict[str, float]) -> str:
    p = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=p / p.sum()))


def _phenotype(rng, gender: float | None, age: float | None, ancestry: str | None) -> dict[str, float]:
    drawn = float(rng.choice([rng.uniform(0, 0.12), rng.uniform(0.88, 1)]))
    gender = drawn if gender is None else gender
    bands = [rng.uniform(0.30, 0.55), rng.uniform(0.6, 0.8), rng.uniform(0.7, 0.9), rng.uniform(0.82, 1)]
    drawn = float(rng.choice(bands, p=[0.16, 0.30, 0.28, 0.26]))
    age = drawn if age is None else age
    mixture = rng.dirichlet([0.35] * 3)
    if ancestry is not None:
        mixture = mixture * 0.25
        mixture[ANCESTRIES.index(ancestry)] += 0.75
    return {
        "gender": gender,
        "age": age,
        "muscle": rng.uniform(0.3, 0.55) if gender > 0.5 else rng.uniform(0.4, 0.7),
        "weight": float(np.clip(rng.normal(0.5, 0.13), 0.28, 0.82)),
        "height": 0.5,
        "proportions": rng.uniform(0.5, 0.7) if age > 0.9 else rng.uniform(0.45, 0.63),
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
        chance = float(np.clip(rng.normal(0, 0.3), -0.75, 0.75)) * LOCAL_SPREAD[area]
        if any(word in change for word in ("flaring", "nostrils", "septum")):
            chance *= 0.35
        if female and area in ("chin", "eyebrows", "nose", "neck", "forehead"):
            chance *= 0.7
        jaw = WOMENS_JAW if female and area in ("chin", "neck", "head") else 1.0
        usual = EVERYBODY_BIAS.get(name, 0.0) * (1 - 0.5 * child) * jaw
        usual += bias.get(name, 0.0) * adult + CHILD_BIAS.get(name, 0.0) * child
        chance = float(np.clip(chance * (1 - 0.4 * child), -LOCAL_LIMIT, LOCAL_LIMIT))
        local[change] = float(np.clip(usual + chance, -0.8, 0.8))
        if side == "l-":  # faces are nearly symmetric
            local["r-" + name] = local[change] + float(rng.normal(0, 0.025))
    local["head-fat-incr"] = float(np.clip(rng.normal(0, 0.12), -0.2, 0.3))
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


def _melanin(rng, phenotype: dict[str, float]) -> float:
    """0 fair .. 1 very dark, from the shares of ancestry."""
    dark, medium = rng.uniform(0.62, 1.0), rng.uniform(0.14, 0.42)
    light = rng.choice([rng.uniform(0, 0.22), rng.uniform(0.1, 0.38)])
    shares = [phenotype[name] for name in ANCESTRIES]
    return float(np.clip(np.dot(shares, (dark, medium, light)), 0, 1))


def _evenness(rng, female: bool, age: float) -> float:
    lined = 1 + 0.2 * (age > 0.87)
    return float(rng.uniform(0.5, 1.0)) * (1 - 0.6 * childlike(age)) * (1 - 0.25 * female) * lined


def _hair_color(rng, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray, float]:
    """Of hair, of brows, and the share of white strands."""
    if phenotype["caucasian"] > 0.5:
        weights = {
            "black": 0.5, "dark": 2.0, "chestnut": 1.4, "brown": 2.4, "light": 2, "blonde": 1.6, "ash": 1.2, "red": 0.3,
            "auburn": 0.4, "copper": 0.2, "strawberry": 0.25, "platinum": 0.2,
        }  # fmt: skip
    elif phenotype["asian"] > 0.5:
        weights = {"black": 5, "dark": 2, "chestnut": 0.5, "brown": 0.25}
    else:
        weights = {"black": 5, "dark": 1.5, "chestnut": 0.3}
    color = np.array(HAIR_COLORS[_choose(rng, weights)])
    color = color * np.exp(rng.normal(0, 0.12, 3) * 0.3 + rng.normal(0, 0.15))
    brow = np.minimum(color * 0.7, [0.085, 0.055, 0.036])
    age, drawn = phenotype["age"], rng.uniform(0.3, 1.2)
    grey = float(np.clip((age - 0.84) / 0.12 * drawn, 0, 0.96)) if age > 0.84 else 0.0
    brow = brow * (1 - grey * 0.5) + np.array([0.15, 0.14, 0.135]) * grey * 0.5
    return color.astype(np.float32), brow.astype(np.float32), grey


def _brows(rng, female: bool, age: float) -> str:
    return _choose(
        rng,
        {
            "eyebrow001": 4, "eyebrow003": 0.6, "eyebrow008": 1.2, "eyebrow004": 0.8, "eyebrow010": 1.4,
            "eyebrow011": 1.2, "eyebrow002": 0.8 if female else 0, "eyebrow005": 0.6 if female else 0,
            "eyebrow006": 0.5 if female and age > 0.8 else 0, "eyebrow009": 0 if female else 1.5,
        },
    )  # fmt: skip


def _clothes(rng, female: bool, age: float) -> str:
    if age < 0.55:
        names = ["male_casualsuit04", "male_casualsuit06", "female_casualsuit01"]
    elif female:
        names = ["female_casualsuit01", "female_elegantsuit01", "male_casualsuit06", "male_casualsuit04"]
    else:
        names = [
            "male_casualsuit02", "male_casualsuit04", "male_casualsuit06", "male_elegantsuit01", "male_casualsuit03",
            "male_casualsuit05",
        ]  # fmt: skip
    return str(rng.choice(names))


def _glasses(rng, age: float) -> tuple[str | None, np.ndarray]:
    """One person in six, more of the old, fewer children."""
    share = 0.06 if age < 0.45 else 0.15 + 0.2 * (age > 0.85)
    wears, frame = rng.uniform() < share, str(rng.choice(list(FRAMES)))
    color = GLASSES_COLORS[str(rng.choice(list(GLASSES_COLORS), p=[0.40, 0.22, 0.12, 0.15, 0.07, 0.04]))]
    return (frame if wears else None), np.array(color, np.float32)
