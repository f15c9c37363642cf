"""Animation: segments of a heard voice -> 52 blendshapes and the head pose of every frame."""
