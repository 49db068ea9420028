"""The image of one commit has the same digest everywhere and at any time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.support.rendering import render
from tests.support.verbs import make

# BuildKit is compiled if its image cannot be pulled.
pytestmark = pytest.mark.long

COMMITTED = "2026-01-02T03:04:05+00:00"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default service, committed."""
    folder = render(tmp_path_factory.mktemp("first"), workspace="")
    make(folder, "uv.lock")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=First", GIT_COMMITTER_DATE=COMMITTED)
    return folder


def test_one_commit_has_one_digest(
    buildkit: dict[str, str],
    registry: str,
    service: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Another checkout: another folder, other times, other permissions.
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(service), str(clone))
    for path in (clone / "src", clone / "migrations", clone / "alembic.ini"):
        subprocess.run(["chmod", "-R", "g=u,o=", str(path)], check=True)
    image = f"{registry}/orders:1"
    began = time.monotonic()

    # As the pipelines push it, and as docs/pipeline-*.md describes a rebuild.
    pushed = build(service, image, "type=image,push=true,oci-mediatypes=true", buildkit)
    middle = time.monotonic()
    again = build(clone, image, f"type=oci,dest={tmp_path}/again.tar", buildkit)

    with capsys.disabled():
        times = f"{middle - began:.0f} s and {time.monotonic() - middle:.0f} s"
        sys.stdout.write(f"\n{pushed} in {times}\n")
    assert pushed == again
    address = f"http://{registry}/v2/orders/manifests/{pushed}"
    # A registry returns a manifest only if the request accepts its media type.
    kind = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    with urlopen(Request(address, headers=kind), timeout=10) as manifest:
        assert manifest.headers["Docker-Content-Digest"] == pushed


def build(folder: Path, image: str, output: str, environment: dict[str, str]) -> str:
    """Build the image without a cache, by `make image`; return its digest."""
    metadata = folder.parent / "metadata.json"
    options = (
        "--no-cache",
        "--provenance=false",
        f"--metadata-file={metadata}",
        f"--output={output},rewrite-timestamp=true",
    )
    make(folder, "image", f"IMAGE={image}", f"BUILD={' '.join(options)}", **environment)
    return str(json.loads(metadata.read_text("utf-8"))["containerimage.digest"])


def git(folder: Path, *arguments: str, **variables: str) -> None:
    """Run git."""
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **variables}, check=True)
