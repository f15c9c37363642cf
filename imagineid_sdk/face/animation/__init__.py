"""Animation: what was heard -> 52 blendshapes and the head pose of every frame."""
