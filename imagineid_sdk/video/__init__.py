"""Video: what is behind the person, and frames and sound into files."""
