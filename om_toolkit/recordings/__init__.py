"""Recordings: vcrpy cassettes of API responses, recorded and replayed."""
