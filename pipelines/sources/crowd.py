"""How many connections each sending machine, and all together, may hold at once."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

# One machine that opens too many must not keep the others out.
MACHINES = 4


@dataclass
class Crowd:
    """Counts open connections by the address of the sending machine; safe between threads."""

    most: int
    open: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, address: str) -> bool:
        """Count one connection; False (and not counted) if there are too many."""
        with self.lock:
            if self.open[address] >= self.most or self.open.total() >= MACHINES * self.most:
                return False
            self.open[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Count one connection less."""
        with self.lock:
            self.open[address] -= 1
            if self.open[address] <= 0:
                del self.open[address]
