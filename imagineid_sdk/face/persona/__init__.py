"""Persona: who is imagined, sampled from the population prior around what a voice tells."""
