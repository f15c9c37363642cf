"""Hub: where models come from, and recipes that compose one of public checkpoints."""
