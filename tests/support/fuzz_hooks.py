"""A check that Schemathesis loads for test_fuzz.py."""

from typing import Any

import schemathesis
from schemathesis import GenerationMode


@schemathesis.check
def valid_data_is_refused_for_its_key_only(_: Any, response: Any, case: Any) -> None:
    """Allow 422 for a valid body only if its idempotency key was used before."""
    valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if valid and response.status_code == 422:
        assert response.json()["code"] == "idempotency_key_reused", response.text
