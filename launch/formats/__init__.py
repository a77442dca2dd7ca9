"""Readers of a person's own recordings, one module a format; `open_recording` chooses by what the file is."""
