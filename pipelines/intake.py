"""The intake: what the sources offer goes through the gate into ledger, spool and quarantine.

One file or message offered is one ledger row with one outcome. Files go to the spool before the
row is committed, so a row never speaks of a file that is not there; a crash between the two leaves
a file that the next run writes again under the same name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import batched
from pathlib import Path

from inference import dicom, hl7
from inference.records import Instance, Rejection, ReportEvent
from pipelines.config import Config, FolderSource, Site
from pipelines.errors import SourceUnreachableError
from pipelines.sources import folder
from pipelines.sources.folder import Offered
from warehouse import connect, identified, ledger, load
from warehouse.pseudonym import Pseudonymiser
