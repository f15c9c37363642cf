"""The parametric head: identity, 52 facial blendshapes and head pose -> vertices, evaluated in torch.

The mesh is MakeHuman's (CC0), reduced once by ``examples/training/reduce_head.py``: skin of head, neck and shoulders,
teeth, tongue and two spheres for the eyes. Everything that differs between people is linear in one identity code:
rest shape, eyes, neck joints, the size of the blendshape basis and the framing of the camera.

Axes: x to the subject's left (right in the picture), y up, z towards the camera; metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, GAZE_PITCH, GAZE_YAW
from imagineid_sdk.quantization import dequantize

JOINTS = 4
"""Three of the neck and the head; each turns by its share of the head pose."""
JOINT_SHARE = (0.18, 0.18, 0.22, 0.42)
# Extras behind the vertices in the identity basis: two eye centres, eye radius, joints, blendshape scales, camera.
EYE_CENTRES, EYE_RADIUS, JOINT_HEADS, ACTION_SCALES, CAMERA = (
    slice(0, 6), slice(6, 7), slice(7, 19), slice(19, 23), slice(23, 27)
)  # fmt: skip
EXTRAS = 27
BLOCK = 96
"""Entries of a stored basis that share one scale."""
LID_CLEARANCE = 1.045
"""Lids stay this many eye radii away from the centre of the eye, or the sphere would pierce them."""


@dataclass(frozen=True, eq=False)
class HeadFrames:
    """Posed heads.

    Attributes:
        vertices: ``(frames, vertices, 3)`` metres: the mesh, then both eyes.
        screen: ``(frames, vertices, 3)``: x and y in [0, 1] of the picture (y down) and depth, larger = farther.
    """

    vertices: torch.Tensor
    screen: torch.Tensor


@dataclass(frozen=True, eq=False)
class FittedHead:
    """The head of one person, from ``ParametricHead.fit``.

    Attributes:
        rest: ``(mesh vertices, 3)`` metres.
        extras: ``(EXTRAS,)``.
        blendshapes: ``(52, mesh vertices * 3)`` metres that a full blendshape moves each vertex by.
    """

    rest: torch.Tensor
    extras: torch.Tensor
    blendshapes: torch.Tensor


Given = ParamSpec("Given")
Result = TypeVar("Result")


def in_full_precision(
    evaluate: Callable[Concatenate[ParametricHead, Given], Result],
) -> Callable[Concatenate[ParametricHead, Given], Result]:
    """A method of the head without gradients and with the caller's autocast off: in bfloat16 a metre is known to four
    millimetres, and lips would neither meet nor part when they should."""

    @wraps(evaluate)
    def evaluated(head: ParametricHead, /, *args: Given.args, **options: Given.kwargs) -> Result:
        with torch.no_grad(), torch.autocast(head.identity_mean.device.type, enabled=False):
            return evaluate(head, *args, **options)

    return evaluated


class ParametricHead(ModelMixin, ConfigMixin):
    """Linear head with 52 ARKit blendshapes, a neck of four joints and two eyes that look.

    Args:
        num_vertices: vertices of the mesh without the eyes.
        num_triangles: triangles of mesh and eyes.
        num_eye_vertices: vertices of one eye.
        num_identity_codes: length of the identity code; its entries have unit variance over people.
        num_landmarks: number of landmark vertices.
        num_phenotype_features: length of the features that ``mean_code`` takes.
    """

    @register_to_config
    def __init__(
        self,
        num_vertices: int = 8,
        num_triangles: int = 8,
        num_eye_vertices: int = 4,
        num_identity_codes: int = 4,
        num_landmarks: int = 4,
        num_lid_vertices: int = 2,
        num_phenotype_features: int = 4,
    ) -> None:
        super().__init__()
        size = num_vertices * 3 + EXTRAS

        def table(name: str, *shape: int, dtype: torch.dtype = torch.float32) -> None:
            self.register_buffer(name, torch.zeros(*shape, dtype=dtype))

        table("identity_mean", size)
        # Both bases are bytes times a scale for each block of a row, in millimetres: exact to a tenth of one.
        blocks = -(-num_vertices * 3 // BLOCK)
        table("identity_basis", num_identity_codes, num_vertices * 3, dtype=torch.int8)
        table("identity_range", num_identity_codes, blocks)
        table("identity_extras", num_identity_codes, EXTRAS)
        table("action_basis", len(ARKIT_BLENDSHAPES), num_vertices * 3, dtype=torch.int8)
        table("action_range", len(ARKIT_BLENDSHAPES), blocks)
        table("action_scale_index", len(ARKIT_BLENDSHAPES), dtype=torch.int64)
        table("joint_weights", num_vertices, JOINTS + 1)
        table("eye_directions", num_eye_vertices, 3)
        table("triangles", num_triangles, 3, dtype=torch.int16)
        table("triangle_parts", num_triangles, dtype=torch.uint8)
        table("position_codes", num_vertices + 2 * num_eye_vertices, 3)
        table("landmark_vertices", num_landmarks, dtype=torch.int64)
        table("lid_vertices", 2, num_lid_vertices, dtype=torch.int64)
        # Shape that people of a phenotype have on average, and how they differ around it.
        table("phenotype_to_code", num_identity_codes, num_phenotype_features)
        table("code_spread", num_identity_codes, num_identity_codes)
        self.lift = nn.Parameter(torch.zeros(()), requires_grad=False)  # diffusers asks the first parameter for dtype

    @in_full_precision
    def shape(self, code: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rest vertices ``(vertices, 3)`` and extras ``(EXTRAS,)`` of one identity code ``(identity_codes,)``."""
        code = code.float()
        moved = code @ metres(self.identity_basis, self.identity_range)
        vertices = self.identity_mean[:-EXTRAS].float() + moved
        return vertices.view(-1, 3), self.identity_mean[-EXTRAS:].float() + code @ self.identity_extras.float()

    @in_full_precision
    def fit(self, code: torch.Tensor) -> FittedHead:
        """What all frames of one person share; ``code`` is ``(identity_codes,)``."""
        rest, extras = self.shape(code.to(self.identity_mean.device))
        scales = extras[ACTION_SCALES][self.action_scale_index]
        return FittedHead(rest, extras, scales[:, None] * metres(self.action_basis, self.action_range))

    def forward(self, code: torch.Tensor, blendshapes: torch.Tensor, head_pose: torch.Tensor) -> HeadFrames:
        """Pose one person.

        Args:
            code: ``(identity_codes,)``.
            blendshapes: ``(frames, 52)`` in [0, 1], in the order of ``ARKIT_BLENDSHAPES``.
            head_pose: ``(frames, 3)`` degrees of yaw, pitch and roll.
        """
        return self.pose(self.fit(code), blendshapes, head_pose)

    @in_full_precision
    def pose(self, person: FittedHead, blendshapes: torch.Tensor, head_pose: torch.Tensor) -> HeadFrames:
        """Pose a fitted head; ``blendshapes`` and ``head_pose`` as in ``forward``."""
        device, extras = self.identity_mean.device, person.extras
        blendshapes, head_pose = (given.to(device).float() for given in (blendshapes, head_pose))
        centres, radius = extras[EYE_CENTRES].view(2, 3), extras[EYE_RADIUS]
        mesh = person.rest + (blendshapes @ person.blendshapes).view(len(blendshapes), -1, 3)
        mesh = self._clear_the_eyes(mesh, centres, radius)
        eyes = self._eyes(blendshapes, centres, radius)
        joints = self._joints(head_pose, extras[JOINT_HEADS].view(JOINTS, 3))
        blended = torch.einsum("vj,fjab->fvab", self.joint_weights.float(), joints)
        mesh = torch.einsum("fvab,fvb->fva", blended[..., :3], mesh) + blended[..., 3]
        eyes = torch.einsum("fab,fvb->fva", joints[:, -1, :, :3], eyes) + joints[:, -1, None, :, 3]
        vertices = torch.cat([mesh, eyes], dim=1)
        return HeadFrames(vertices, self._project(vertices, extras[CAMERA]))

    def _clear_the_eyes(self, mesh: torch.Tensor, centres: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        for eye in range(2):
            index = self.lid_vertices[eye]
            offset = mesh[:, index] - centres[eye]
            distance = offset.norm(dim=-1, keepdim=True).clamp_min(1e-6)
            pierced = (distance < LID_CLEARANCE * radius) & (offset[..., 2:] > 0)
            pushed = centres[eye] + offset * (LID_CLEARANCE * radius / distance)
            mesh[:, index] = torch.where(pierced, pushed, mesh[:, index])
        return mesh

    def _eyes(self, blendshapes: torch.Tensor, centres: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        eyes = []
        for eye, (side, outwards) in enumerate((("Left", 1.0), ("Right", -1.0))):
            look = {way: blendshapes[:, BLENDSHAPE_INDEX[f"eyeLook{way}{side}"]] for way in ("Out", "In", "Up", "Down")}
            yaw = GAZE_YAW * (look["Out"] - look["In"]) * outwards
            pitch = GAZE_PITCH * (look["Up"] - look["Down"])
            turn = rotation(torch.stack([yaw, pitch, torch.zeros_like(yaw)], dim=-1))
            eyes.append(torch.einsum("fab,vb->fva", turn, self.eye_directions.float()) * radius + centres[eye])
        return torch.cat(eyes, dim=1)

    @staticmethod
    def _joints(head_pose: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
        """Transforms ``(frames, 1 + JOINTS, 3, 4)`` of body, neck and head."""
        axis_angle = rotation_vector(rotation(head_pose))
        frames = len(head_pose)
        identity = torch.eye(4, device=heads.device)
        current = identity.expand(frames, 4, 4)
        chain = [current]
        for joint, share in enumerate(JOINT_SHARE):
            turn = identity.repeat(frames, 1, 1)
            turn[:, :3, :3] = torch.linalg.matrix_exp(skew(axis_angle * share))
            turn[:, :3, 3] = heads[joint] - turn[:, :3, :3] @ heads[joint]
            current = current @ turn
            chain.append(current)
        return torch.stack(chain, dim=1)[:, :, :3]

    @staticmethod
    def _project(vertices: torch.Tensor, camera: torch.Tensor) -> torch.Tensor:
        """``camera``: height and depth of the point looked at, side of the view there, distance."""
        height, depth, side, distance = camera
        away = distance + depth - vertices[..., 2]
        focal = distance / side
        x = 0.5 + vertices[..., 0] * focal / away
        y = 0.5 - (vertices[..., 1] - height) * focal / away
        return torch.stack([x, y, away], dim=-1)

    def landmarks(self, frames: HeadFrames) -> torch.Tensor:
        """``(frames, landmarks, 2)`` in [0, 1] of the picture: fixed vertices of the mesh, no detector."""
        return frames.screen[:, self.landmark_vertices, :2]

    @in_full_precision
    def mean_code(self, phenotype: torch.Tensor) -> torch.Tensor:
        """Average identity code ``(identity_codes,)`` of people with these phenotype features."""
        return self.phenotype_to_code.float() @ phenotype.to(self.phenotype_to_code.device).float()


def metres(stored: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """A stored basis ``(rows, size)`` int8 with its scales ``(rows, blocks)`` in millimetres -> float32 metres."""
    return dequantize(stored, scale, BLOCK) / 1000


def rotation(pose: torch.Tensor) -> torch.Tensor:
    """Rotation matrices ``(..., 3, 3)`` of yaw (> 0 to the image's right), pitch (> 0 up) and roll (> 0 clockwise),
    degrees ``(..., 3)``."""
    yaw, pitch, roll = torch.deg2rad(pose * pose.new_tensor([1.0, -1.0, -1.0])).unbind(-1)
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

    def matrix(*rows: torch.Tensor) -> torch.Tensor:
        return torch.stack(rows, dim=-1).reshape(*yaw.shape, 3, 3)

    about_y = matrix(yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos())
    about_x = matrix(one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos())
    about_z = matrix(roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one)
    return about_y @ about_x @ about_z


def rotation_vector(turn: torch.Tensor) -> torch.Tensor:
    """Axis times angle ``(..., 3)`` of rotation matrices; angles well below 180 degrees."""
    angle = ((turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1).acos()[..., None]
    axis = torch.stack(
        [
            turn[..., 2, 1] - turn[..., 1, 2],
            turn[..., 0, 2] - turn[..., 2, 0],
            turn[..., 1, 0] - turn[..., 0, 1],
        ],
        dim=-1,
    )
    return axis / 2 * torch.where(angle > 1e-4, angle / angle.sin().clamp_min(1e-8), torch.ones_like(angle))


def skew(vector: torch.Tensor) -> torch.Tensor:
    """Cross-product matrices ``(..., 3, 3)``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*x.shape, 3, 3)
