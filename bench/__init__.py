"""Measurements, each figure beside what the same machine does without us. `python -m bench` (./dev bench)."""
