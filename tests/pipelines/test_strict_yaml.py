import pytest
import yaml

from pipelines import strict_yaml


def test_plain_yaml_is_read() -> None:
    text = "base: &b {x: 1}\nlist: [1, two, {a: 1, b: 2}]\nmore:\n  <<: *b\n  x: 2\n1: one\n"
    assert strict_yaml.load(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a:\n  b: 1\n  c: 2\n  b: 3\n", "- {x: 1, x: 1}\n", "'a': 1\na: 2\n"])
def test_a_key_that_stands_twice_is_refused_at_its_line(text: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        strict_yaml.load(text)
    assert caught.value.problem_mark.line == text.rstrip("\n").count("\n")


def test_depth_is_no_crash() -> None:
    with pytest.raises(yaml.YAMLError):
        strict_yaml.load("[" * 5000 + "]" * 5000)
