"""`python -m << cookiecutter.__package >>` serves until it is asked to stop."""

import os
import tempfile

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        # prometheus_client looks for this when it is imported, so it comes first.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from .serve import main

        main()
