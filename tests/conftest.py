"""Settings of every test."""

from __future__ import annotations

import os

from hypothesis import settings

# A shared machine is slow at times, which is no failure; CI draws the same examples on each run.
settings.register_profile("bilan", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bilan")
