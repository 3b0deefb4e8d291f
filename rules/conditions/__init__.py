"""One file per operator, listed in catalog.py."""
