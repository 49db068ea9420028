"""Install all tools in advance."""

from . import checkov, helm, schemas

for install in (
    helm.four,
    helm.three,
    schemas.kubernetes,
    schemas.custom,
    checkov.program,
):
    install()
