"""What tests of the checks share."""

from unittest.mock import patch

import pytest

from practicum_utils.checks import symptoms


@pytest.fixture
def new_session():
    """No symptom has been met yet; what is met in the test is forgotten after it."""
    with patch.multiple(symptoms.STORY, **vars(symptoms.Story())):
        yield
