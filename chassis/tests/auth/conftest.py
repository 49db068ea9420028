import pytest

from support.issuer import Issuer


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()
