"""One file per payload format, listed in catalog.py."""
