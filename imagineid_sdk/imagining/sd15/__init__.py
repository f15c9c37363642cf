"""Imagining at full scale: public Stable Diffusion checkpoints in the roles of the paper's second half.

    recipe (json) -> `hub.compose` -> networks
    person -> prompt (words and pseudo-words) -> text encoder
    head mesh -> curves (what the ControlNet reads) and where the person may be
    windows of frames -> denoising (motion module, reference blended in) -> autoencoder -> frames

The frozen base, the ControlNet and the motion module are other people's; nothing of them is in this package.
"""
