"""Validation of objects as by the API servers of Kubernetes 1.29 to 1.37 and by operators' CRDs.

Kubernetes' own kinds are validated against the strict JSON schemas of its releases, which reject
unknown fields. For custom resources, generated models validate the values, and their TypeScript
types the fields.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.servers import MissingServerError

from . import from_npm, from_pypi, linkerd
from .helm import Object

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]

# The npm package of each API group, and the folder in it.
GROUPS = {
    "argoproj.io": ("argo-rollouts", "2.0.0"),
    "cert-manager.io": ("cert-manager", "6.0.0"),
    "external-secrets.io": ("external-secrets", "2.0.0"),
    "gateway.networking.k8s.io": ("gateway-api", "2.0.0"),
    "monitoring.coreos.com": ("prometheus-operator", "6.0.0"),
    "networking.istio.io": ("istio", "3.0.1"),
    "security.istio.io": ("istio", "3.0.1"),
}


@dataclass(frozen=True)
class Kubernetes:
    """The schemas of the releases."""

    folder: Path

    def problems(self, objects: Iterable[Object], version: str) -> list[str]:
        """Return the problems of objects in a release of Kubernetes, one line each."""
        return [
            f"{called(it)} in {version}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
            for it in objects
            for error in self._validator(version, it["apiVersion"], it["kind"]).iter_errors(it)
        ]

    @cache  # noqa: B019 (one for the whole run)
    def _validator(self, version: str, api_version: str, kind: str) -> Draft202012Validator:
        folder = self.folder / f"v{version}.0-local-strict"
        group, _, release = api_version.rpartition("/")
        name = f"{group.split('.')[0]}-{release}" if group else release
        schema = json.loads((folder / f"{kind.lower()}-{name}.json").read_text("utf-8"))
        return Draft202012Validator(schema, registry=self._definitions(version))

    @cache  # noqa: B019
    def _definitions(self, version: str) -> Registry[object]:
        path = self.folder / f"v{version}.0-local-strict" / "_definitions.json"
        contents = DRAFT202012.create_resource(json.loads(path.read_text("utf-8")))
        registry: Registry[object] = Registry().with_resource(path.name, contents).crawl()
        return registry


@dataclass(frozen=True)
class CustomResources:
    """The models of the operators' kinds, for Node.js."""

    folder: Path

    def problems(self, objects: Sequence[Object]) -> list[str]:
        """Return the problems of custom resources, one line each."""
        of_linkerd = [it for it in objects if _group(it) == linkerd.GROUP]
        modelled = [it for it in objects if it not in of_linkerd]
        return [*linkerd.problems(of_linkerd), *self._modelled(modelled)]

    def _modelled(self, objects: Sequence[Object]) -> list[str]:
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            check, types = Path(scratch, "check.js"), Path(scratch, "types.ts")
            check.write_text("".join(map(_check, objects)))
            types.write_text("".join(_type(number, it) for number, it in enumerate(objects)))
            return [
                *self._run("node", str(check)),
                *self._run(
                    *("node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict"),
                    *("--skipLibCheck", "--target", "es2022", "--module", "nodenext", str(types)),
                ),
            ]

    def _run(self, *command: str) -> list[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def _check(it: Object) -> str:
    """Return JavaScript that validates one object's values."""
    kind, where = it["kind"], json.dumps(called(it))
    return (
        f"{{ const {{ {kind} }} = await import({json.dumps(_module(it))});\n"
        f"  try {{ new {kind}({json.dumps(it)}).validate(); }}\n"
        f"  catch (error) {{ console.log({where} + ': ' + error.message); }} }}\n"
    )


def _type(number: int, it: Object) -> str:
    """Return TypeScript that compiles if an object has only known fields."""
    kind = it["kind"]
    return (
        f"import {{ I{kind} as I{number} }} from {json.dumps(_module(it))};\n"
        f"export const object{number}: I{number} = {json.dumps(it)};\n"
    )


def _module(it: Object) -> str:
    return f"@kubernetes-models/{GROUPS[_group(it)][0]}/{it['apiVersion']}/{it['kind']}"


def _group(it: Object) -> str:
    group: str = it["apiVersion"].partition("/")[0]
    return group


def is_custom(it: Object) -> bool:
    """Return whether an object is a custom resource."""
    return _group(it) in {linkerd.GROUP, *GROUPS}


def called(it: Object) -> str:
    """Return the name of an object for messages."""
    return f"{it['kind']} {it['metadata']['name']}"


def kubernetes() -> Kubernetes:
    """Return the schemas of Kubernetes."""
    environment = from_pypi("kubernetes-validate", "1.37.0")
    return Kubernetes(next(environment.glob("lib/*/site-packages/*/kubernetes-json-schema")))


def custom() -> CustomResources:
    """Return the models of custom resources."""
    if not shutil.which("node"):
        raise MissingServerError("the models of custom resources need node, which is not on PATH")
    models = {f"@kubernetes-models/{name}@{version}" for name, version in GROUPS.values()}
    packages = [*sorted(models), "typescript@5.9.3"]
    # The name changes with the packages.
    name = f"kubernetes-models-{sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    return CustomResources(from_npm(name, packages))
