"""The example of a service: many at once, limits that hold, and mistakes of clients that cost it nothing."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
import soundfile

from examples import service
from tests.conftest import voice_like


@pytest.fixture
def served(pipeline, monkeypatch) -> Iterator[service.Service]:
    """A service on loopback, around the pipeline of all tests."""
    monkeypatch.setattr(service.ImagineIDPipeline, "from_pretrained", lambda: pipeline)
    one = service.Service(("127.0.0.1", 0), waiting=1, megabytes=1, seconds=2.0)
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join()


def post(one: service.Service, body: bytes, query: str = "seed=3&fps=5") -> tuple[int, bytes]:
    connection = HTTPConnection(*one.server_address[:2], timeout=60)
    connection.request("POST", f"/talk?{query}", body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def encoded(seconds: float, form: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, voice_like(seconds), 16_000, format=form)
    return file.getvalue()


def test_a_sound_is_answered_with_a_video_and_the_full_queue_with_503(served):
    with served.one_at_a_time, ThreadPoolExecutor(3) as clients:
        first = [clients.submit(post, served, encoded(0.3)) for _ in range(2)]
        deadline = time.monotonic() + 30
        while served.places._value and time.monotonic() < deadline:  # until both have their places
            time.sleep(0.02)
        status, body = post(served, encoded(0.3))
        assert status == 503 and "Try again" in json.loads(body)["error"]
        served.one_at_a_time.release()
        answers = [one.result() for one in first]
        served.one_at_a_time.acquire()
    assert [status for status, _ in answers] == [200, 200]
    assert answers[0][1][4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("body", "query", "status", "words"),
    [
        (b"no sound at all " * 20, "seed=3", 422, "could not be read"),
        (b"", "seed=3", 413, "1 MiB"),
        (b"0" * (1 << 20) + b"0", "seed=3", 413, "1 MiB"),
        (encoded(2.5), "seed=3", 422, "2 s are allowed"),
        (encoded(0.3), "seed=three", 422, "seed='three'"),
        (encoded(0.3), "fps=1e9", 422, "fps"),
        (encoded(0.3), "background=/etc/passwd", 422, "background"),
        (encoded(0.3), "identity=/etc/passwd", 422, "identity"),
        (encoded(0.3), "sign=x", 422, "sign"),
    ],
)
def test_a_mistake_of_a_client_is_a_line_of_json(served, body, query, status, words):
    got, answer = post(served, body, query)
    assert got == status and words in json.loads(answer)["error"]
    deadline = time.monotonic() + 10
    while served.places._value < 2 and time.monotonic() < deadline:
        time.sleep(0.01)  # the answer comes before the place is given back
    assert served.places._value == 2, "its place is free again"
