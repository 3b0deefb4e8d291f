"""Owns partitions, folds their events, writes checkpoints and decisions."""
