"""Audio: any file, pipe, array or chunk of sound -> float32 blocks at its own rate -> mono at 16 kHz.

sources     what a caller may give
arrays      samples in memory -> float32 (samples, channels)
decoders    encoded sound -> the same, block by block
mixing      gain and channels: one verdict for all ways in
resampling  any rate -> 16 kHz, block by block
decoding    the one way through all of it, for long files and pipes
clip        the same for a whole clip: `load_audio`
"""

from imagineid_sdk.audio.clip import MINIMUM_DURATION, AudioClip, load_audio
from imagineid_sdk.audio.decoding import AudioStream, open_audio, open_pipe
from imagineid_sdk.audio.resampling import SAMPLE_RATE
from imagineid_sdk.audio.sources import AudioSource, SourceT

__all__ = [
    "MINIMUM_DURATION", "SAMPLE_RATE", "AudioClip", "AudioSource", "AudioStream", "SourceT", "load_audio", "open_audio",
    "open_pipe",
]  # fmt: skip
