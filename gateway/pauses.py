"""Pauses of the interpreter: a full collection of garbage stops a process while it looks at everything.

Modules and what is built at the start are most of it, some 50 ms, and never garbage. A message that is on its way at
that moment waits as long.
"""

from __future__ import annotations

import gc


def spare_what_stays() -> None:
    """Collect garbage once, and leave what is there now out of later collections.

    To be called when a process has what it keeps until its end, before its work begins. What is spared is freed as
    before when nothing refers to it any more; only cycles among it are not looked for.
    """
    gc.collect()
    gc.freeze()
