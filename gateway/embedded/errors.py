"""What can keep the embedded stack from running."""

from __future__ import annotations


class EmbeddedError(Exception):
    """The embedded stack can't run. The text is one line that names the place and the mend; show it and exit 1."""
