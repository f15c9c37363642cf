"""The picture: the world's people drawn by Blender's path tracer Cycles (the `bpy` wheel, see ../README.md)."""
