"""The encoder of Whisper is read out of a file of CTranslate2."""

import struct

import numpy as np
import pytest

from examples.training.convert_whisper import encoder_state, read_ctranslate2


def text(name):
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def variable(name, values):
    shape = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    return text(name) + shape + struct.pack("<BI", 4, values.nbytes) + values.tobytes()


def test_variables_are_found_under_the_names_of_the_speech_encoder(tmp_path):
    weight, bias = np.arange(6, dtype=np.float16).reshape(2, 3), np.ones(2, np.float16)
    content = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, 2)
    content += variable("encoder/layer_1/ffn/linear_0/weight", weight) + variable("encoder/conv1/bias", bias)
    (tmp_path / "model.bin").write_bytes(content)
    state = encoder_state(read_ctranslate2(tmp_path / "model.bin"))
    assert np.array_equal(state["blocks.1.mlp_in.weight"].numpy(), weight)
    assert np.array_equal(state["conv1.bias"].numpy(), bias)


def test_another_format_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(struct.pack("<I", 5) + text("WhisperSpec") + struct.pack("<I", 3))
    with pytest.raises(ValueError, match="format 6"):
        read_ctranslate2(tmp_path / "model.bin")
