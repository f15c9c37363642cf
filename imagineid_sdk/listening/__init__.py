"""Listening: from the sound of one voice to identity, content and emotion.

The three stages are trained one after the other, each with the earlier ones frozen (Progressive Audio Disentanglement):
identity, then content, then emotion. `Listener` runs all of them.
"""
