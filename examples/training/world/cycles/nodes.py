"""Shader node trees in a few words."""

from __future__ import annotations

import bpy
import numpy as np


class Nodes:
    """A material under construction: ``nodes("TexNoise", {"Scale": 9.0})`` adds a node, ``done(shader)`` ends it.

    An input is a number, a colour, another node (its first output) or one of its sockets.
    """

    def __init__(self, name: str):
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def __call__(self, kind: str, inputs: dict | None = None, **properties):
        node = self.tree.nodes.new("ShaderNode" + kind)
        for name, value in properties.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            self.connect(node.inputs[name], value)
        return node

    def connect(self, socket, value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif isinstance(value, bpy.types.Node):
            self.tree.links.new(value.outputs[0], socket)
        else:
            socket.default_value = value

    def math(self, operation: str, first, second=0.0):
        node = self("Math", operation=operation)
        self.connect(node.inputs[0], first)
        self.connect(node.inputs[1], second)
        return node.outputs[0]

    def mix(self, factor, first, second, blend: str = "MIX"):
        """Colours."""
        node = self("Mix", data_type="RGBA", blend_type=blend)
        for place, value in ((0, factor), (6, first), (7, second)):
            self.connect(node.inputs[place], value)
        return node.outputs[2]

    def ramp(self, value, low: float, high: float, to_low: float = 0.0, to_high: float = 1.0):
        """Linear from (low, to_low) to (high, to_high), clamped."""
        inputs = {"Value": value, "From Min": low, "From Max": high, "To Min": to_low, "To Max": to_high}
        return self("MapRange", inputs).outputs[0]

    def add(self, first, second):
        """The sum of two shaders."""
        node = self("AddShader")
        self.connect(node.inputs[0], first)
        self.connect(node.inputs[1], second)
        return node

    def mix_shaders(self, factor, first, second):
        node = self("MixShader")
        for place, value in enumerate((factor, first, second)):
            self.connect(node.inputs[place], value)
        return node

    def attribute(self, name: str):
        """A vector that was stored with the vertices."""
        return self("Attribute", attribute_name=name).outputs["Vector"]

    def noise(self, position, scale: float, detail: float = 3.0, roughness: float = 0.6):
        """0..1, around 0.5."""
        inputs = {"Vector": position, "Scale": scale, "Detail": detail, "Roughness": roughness}
        return self("TexNoise", inputs).outputs["Fac"]

    def done(self, shader) -> bpy.types.Material:
        self.connect(self.output.inputs[0], shader)
        return self.material


def rgba(color) -> tuple[float, float, float, float]:
    red, green, blue = (float(part) for part in np.asarray(color))
    return red, green, blue, 1.0
