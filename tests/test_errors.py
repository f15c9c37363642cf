"""Errors can be caught by what they are, and say what to do."""

import pytest

from imagineid_sdk import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_caught_by_the_one_base(name):
    assert issubclass(getattr(errors, name), errors.ImagineIDError)


def test_code_that_knows_only_python_still_catches_them():
    assert issubclass(errors.AudioError, ValueError)
    assert issubclass(errors.AudioNotFoundError, FileNotFoundError)
    assert issubclass(errors.OptionError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)


def test_a_missing_extra_names_the_command_that_installs_it():
    error = errors.MissingExtraError("The Gradio app", extra="app")
    assert "The Gradio app" in str(error)
    assert "pip install 'imagineid-sdk[app]'" in str(error)
