"""Mesh: the parametric head, and the geometry maps that are drawn of it."""
