"""YAML in which no key stands twice: of two the last would count, without a word of the first."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

REMEDY = "not readable as YAML in UTF-8; check indentation, quotes, colons, and keys that stand twice"


class _Loader(yaml.SafeLoader):
    """The safe loader, but for keys that stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; refuse a key that it has already."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(problem="a key stands twice", problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key.value, Hashable) else None)
        return super().construct_mapping(node, deep)


def load(text: str) -> Any:
    """Return what a YAML document holds.

    Raises
    ------
    yaml.YAMLError
        The text is no YAML, nests too deep, or a key stands twice in one mapping.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except RecursionError:
        raise yaml.YAMLError("nests too deep") from None
