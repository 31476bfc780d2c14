"""Errors for operators and programmers. Bad input is a value (`Rejection`), never one of these."""


class BilanInferenceError(Exception):
    """Base of this package's errors; the text never contains a field value of any input."""


class BundleError(BilanInferenceError):
    """A model bundle cannot be used: re-install it, or correct the named field of model.json."""


class ModelOutputError(BilanInferenceError):
    """A model returned NaN, infinity or a wrong shape: use another bundle; its studies are failed."""


class EvaluationError(BilanInferenceError):
    """A manifest cannot be used: correct the named column or line."""


class ListError(BilanInferenceError):
    """A file that was given as a list is none: the text says which column it lacks."""


class ResultObjectError(BilanInferenceError):
    """No object for the PACS can be made of a result: the study's images are too bare; nothing is sent of it."""
