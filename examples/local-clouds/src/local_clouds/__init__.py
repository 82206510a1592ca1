"""Clouds on a laptop: the wire protocols of three clouds in front of the local Docker engine."""
