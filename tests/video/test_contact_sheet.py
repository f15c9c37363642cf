"""A contact sheet shows every face once, and whoever looks at it can read the seeds."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid_sdk.video.contact_sheet import contact_sheet


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (5, 3, 2), (8, 4, 2), (9, 3, 3), (10, 5, 2)])
def test_every_face_is_there_once(count, columns, rows):
    images = [np.full((64, 64, 3), 10 + index, np.uint8) for index in range(count)]
    sheet = contact_sheet(images, [()] * count)
    assert sheet.shape[1] // 64 == columns and sheet.shape[0] // 64 == rows
    assert [int((sheet == 10 + index).all(-1).sum()) for index in range(count)] == [64 * 64] * count


def test_the_seed_is_written_below_its_face():
    blank = np.full((128, 128, 3), 255, np.uint8)
    sheets = [contact_sheet([blank, blank], [("seed 1",), (words,)]) for words in ("seed 2", "seed 1234", "seed 2")]
    assert np.array_equal(sheets[0], sheets[2])
    changed = np.argwhere((sheets[0] != sheets[1]).any(-1))
    assert changed[:, 0].min() > 128 and changed[:, 1].min() > 128  # below the second face alone
    ink = np.argwhere((sheets[0] < 128).all(-1))
    assert np.ptp(ink[:, 0]) >= 7  # letters of a size that can be read


def test_faces_without_background_lie_on_white():
    clear = np.zeros((64, 64, 4), np.uint8)
    assert (contact_sheet([clear], [()]) == 255).all()
