"""Imagining: a frozen latent diffusion model and three adapters make a person's portrait, then every frame of a video.

backend       what a diffusion model has to offer (a Protocol): `tiny` and `sd15` do
portrait      the reference frame, once a person
frames        the frames of a video, one denoising step each

`imagineid_sdk.renderer` draws a person in any motion with one of them.
"""
