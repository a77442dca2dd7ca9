"""Readers of the user's recordings, one module per format; `open_recording` selects one by the file's content."""
