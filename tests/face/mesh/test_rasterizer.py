"""The rasteriser against what a triangle looks like."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from imagineid_sdk.face.mesh.rasterizer import EMPTY, interpolate, rasterize, vertex_normals

# Counter-clockwise seen from the camera, y down on the screen.
SCREEN = np.array([[0.1, 0.9, 1.0], [0.9, 0.9, 1.0], [0.5, 0.1, 1.0]], np.float32)
FRONT = np.array([[0, 1, 2]], np.int32)


def test_a_triangle_covers_its_inside_only():
    index, weights = rasterize(SCREEN, FRONT, 64)
    assert index[40, 32] == 0
    assert index[5, 5] == EMPTY
    area = (rasterize(SCREEN, FRONT, 256)[0] == 0).mean()
    assert abs(area - 0.32) < 0.01
    assert ((weights >= 0) & (weights <= 1)).all()


def test_its_back_is_not_seen():
    index, _ = rasterize(SCREEN, FRONT[:, ::-1].copy(), 64)
    assert (index == EMPTY).all()


def test_the_nearer_triangle_hides_the_other():
    screen = np.concatenate([SCREEN, SCREEN - np.array([0, 0, 0.5], np.float32)]).astype(np.float32)
    index, _ = rasterize(screen, np.array([[0, 1, 2], [3, 4, 5]], np.int32), 64)
    assert set(np.unique(index)) == {EMPTY, 1}


def test_attributes_run_linearly_over_the_triangle():
    index, weights = rasterize(SCREEN, FRONT, 64)
    across = interpolate(index, weights, FRONT, SCREEN[:, :1].copy())[0]
    row = across[40][index[40] == 0]
    assert np.allclose(np.diff(row), 1 / 64, atol=1e-4)


def test_a_surface_towards_the_camera_has_a_normal_towards_it():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0.5, 1, 0]], np.float32)
    assert np.allclose(vertex_normals(vertices, FRONT), [[0, 0, 1]] * 3)


def test_it_works_where_no_cache_can_be_written():
    program = "from imagineid_sdk.face.mesh import rasterizer; rasterizer.load(); print('drawn')"
    # Of all the places that numba could cache in, only one that never fits.
    environment = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == "drawn", run.stderr
