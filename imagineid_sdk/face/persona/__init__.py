"""Persona: a person, sampled from the population prior given a voice, with attributes that can be edited."""
