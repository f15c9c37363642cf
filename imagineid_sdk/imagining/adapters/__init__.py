"""The three adapters of the frozen diffusion: semantic, spatial, blending."""
