"""Audio: any file, pipe, array or chunk of sound to mono 16 kHz."""

from imagineid_sdk.audio.clip import MINIMUM_DURATION, SAMPLE_RATE, AudioClip, AudioSource, load_audio

__all__ = ["MINIMUM_DURATION", "SAMPLE_RATE", "AudioClip", "AudioSource", "load_audio"]
