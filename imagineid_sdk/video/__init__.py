"""Video: backdrops, and frames and sound into files."""

from imagineid_sdk.video.picture import write_png
from imagineid_sdk.video.recorder import Recorder, write_mp4

__all__ = ["Recorder", "write_mp4", "write_png"]
