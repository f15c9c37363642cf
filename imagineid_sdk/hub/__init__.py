"""Hub: where models come from, and recipes that compose one of public checkpoints.

Files are fetched one by one, not by `snapshot_download`: each is compared with its SHA-256, pickles are refused by name
before they are fetched, and an error names the file that it is about.
"""
