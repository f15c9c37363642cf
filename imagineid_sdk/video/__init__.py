"""Video: backdrops, and frames and sound into files."""
