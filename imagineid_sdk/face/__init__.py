"""Face: who it is (persona), how it moves (animation), and where everything is (mesh)."""
