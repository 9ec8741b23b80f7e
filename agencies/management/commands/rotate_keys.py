"""`rotate_keys`: new keys for everything that is sealed, while the hub is in use."""

import base64
from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import models, transaction

from agencies import vault
from agencies.models import Agency, DataKey
from agencies.privacy import subject_column
from agencies.scope import Actor, acting_as


class Command(BaseCommand):
    help = "Make new keys and put what is sealed under them, online; --remove-old deletes unused key files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kek-only", action="store_true", help="only the key-encryption key")
        parser.add_argument(
            "--remove-old",
            action="store_true",
            help="only delete key-encryption keys nothing is under any more",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove_old"]:
            removed = vault.remove_old_key_encryption_keys()
            self.stdout.write(f"Key-encryption keys removed: {', '.join(removed) or 'none'}.")
            return
        failed = self._last(vault.rotate_key_encryption_key(), "data keys under a new key-encryption key")
        if not options["kek_only"]:
            for agency in Agency.objects.filter(pk__in=_with_keys()):
                vault.rotate_data_key(agency.pk)
                failed += self._reseal(agency)
            failed += self._reseal_factors()
        if failed:
            raise CommandError(f"{failed} could not be opened and stay under their old key; see the log.")

    def _reseal(self, agency: Agency) -> int:
        failed = 0
        for model, field, place in sealed_columns():
            progress = vault.reseal_rows(
                model,
                field,
                place=place,
                agency=agency.pk,
                subject=subject_column(model),
                scope=lambda: acting_as(Actor.hub(agency)),
            )
            failed += self._last(progress, f"{agency.slug} {place}")
        return failed

    def _reseal_factors(self) -> int:
        failed = 0
        for pk in Authenticator.objects.values_list("pk", flat=True):
            with transaction.atomic():
                factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
                for name in ("secret", "seed"):
                    if factor is None or name not in factor.data:
                        continue
                    agency, box = factor.data[name].split(":")
                    try:
                        new = vault.reseal(
                            base64.b64decode(box), agency=int(agency), place="authenticator.secret", row=0
                        )
                    except vault.VaultError:
                        failed += 1
                        continue
                    factor.data[name] = f"{agency}:{base64.b64encode(new).decode()}"
                    factor.save(update_fields=["data"])
        return failed

    def _last(self, progress: Iterator[vault.Progress], what: str) -> int:
        last = vault.Progress(0, 0)
        for one in progress:
            last = one
        self.stdout.write(f"{what}: {last.done} of {last.total}")
        return last.failed


# Sealed by agencies' own staff, under keys that the hub never has and that are renewed by them.
SEALED_BY_MEMBERS = frozenset(
    {
        "agencies.VaultKey.book_sealed",
        "agencies.VaultKey.handover_sealed",
        "agencies.MemberKey.trust_sealed",
        "agencies.Opener.private_sealed",
    }
)
# Sealed by them as well, and covered once more by the hub.
COVERED = frozenset({"referrals.ContactCard.sealed_e2e", "referrals.Disclosure.sealed_e2e"})


def sealed_columns() -> list[tuple[type[models.Model], str, str]]:
    """Every column of boxes of the hub: a binary field `x_sealed` of the model `y` is sealed at the place
    `y.x`. What is append-only stays as it was sealed: its data key goes under each new key-encryption key."""
    return [
        (model, field.name, f"{model._meta.model_name}.{field.name.removesuffix('_sealed')}")
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.BinaryField)
        and (field.name.endswith("_sealed") or str(field) in COVERED)
        and str(field) not in SEALED_BY_MEMBERS
        and not getattr(model, "append_only", False)
    ]


def _with_keys() -> models.QuerySet[Any, Any]:
    return DataKey.objects.filter(destroyed_at=None).values("agency")
