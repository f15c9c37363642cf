"""Audio: any file, pipe, array or chunk of sound -> float32 blocks at its own rate -> mono at 16 kHz.

arrays      samples in memory -> float32 (samples, channels)
decoding    files, bytes and pipes -> the same, block by block
mixing      gain and channels: one verdict for all ways in
resampling  any rate -> 16 kHz, block by block
clip        all of it for a whole clip: `load_audio`
"""

from imagineid_sdk.audio.clip import MINIMUM_DURATION, AudioClip, load_audio
from imagineid_sdk.audio.decoding import AudioSource
from imagineid_sdk.audio.resampling import SAMPLE_RATE

__all__ = ["MINIMUM_DURATION", "SAMPLE_RATE", "AudioClip", "AudioSource", "load_audio"]
