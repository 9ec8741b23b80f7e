"""The register of grant forms: one file of this folder is one form, but for `form`, what a form is, and
`count`, how one is counted."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from reporting.grants.form import GrantForm


def register(forms: Iterable[GrantForm]) -> Mapping[str, GrantForm]:
    """The forms by slug, read only. Raises ValueError where two have the same slug."""
    found: dict[str, GrantForm] = {}
    for form in forms:
        if form.slug in found:
            raise ValueError(f"two grant forms are called {form.slug}")
        found[form.slug] = form
    return MappingProxyType(found)


FORMS = register(
    import_module(f"{__name__}.{module.name}").FORM
    for module in iter_modules(__path__)
    if module.name not in ("form", "count")
)
"""Every grant form by its slug."""
