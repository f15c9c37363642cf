"""Work side by side: in order, with a thread's share each, and without a trace afterwards."""

from __future__ import annotations

import threading

import pytest
import torch

from imagineid_sdk.imagining.workers import Workers


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_and_few_items_are_taken_ahead(four_threads):
    taken: list[int] = []

    def items():
        for number in range(12):
            taken.append(number)
            yield number

    results = Workers(2).work(lambda number: number * number, items())
    assert next(results) == 0
    assert len(taken) <= 3
    assert list(results) == [number * number for number in range(1, 12)]


def test_lanes_share_the_threads_and_leave_the_setting_alone(four_threads):
    seen = list(Workers(2).work(lambda _: (torch.get_num_threads(), torch.is_grad_enabled()), range(6)))
    assert seen == [(2, False)] * 6
    assert torch.get_num_threads() == 4
    born_later: list[int] = []
    thread = threading.Thread(target=lambda: born_later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert born_later == [4]


def test_one_item_gets_all_threads(four_threads):
    assert list(Workers(2).work(lambda _: torch.get_num_threads(), [0])) == [4]


def test_an_error_in_a_lane_reaches_the_caller(four_threads):
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(Workers(2).work(work, range(6)))
