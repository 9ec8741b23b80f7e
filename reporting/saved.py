"""Views of the numbers that people keep, and the e-mail that says one has new figures.

What a view may hold is on its page's menus; pages are in web/. The e-mail holds no figure and no word of
what the hub is for: a link that needs sign-in, and where to stop it.
"""

import logging
from collections.abc import Mapping

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from agencies.models import Membership, User
from agencies.roles import ROLES, Permission
from reporting.models import Release, SavedView, Scope

log = logging.getLogger(__name__)

MOST = 40
"""As many views as one person may keep."""
PAGES: Mapping[str, tuple[str, ...]] = {
    "next": ("flows",),
    "where": ("stages_by_place",),
    "given": ("services", "unmet_need", "offers", "served", "contacts_by_sector"),
    "who": ("who", "new_and_continuing"),
}
"""Pages of which views can be kept, and the measures whose new releases are new figures there."""


class TooMany(Exception):
    """One person keeps MOST views at most."""


def can_send() -> bool:
    """Whether this hub sends e-mail and knows its own address."""
    return bool(settings.CSRF_TRUSTED_ORIGINS) and not settings.EMAIL_BACKEND.endswith("dummy.EmailBackend")


def of(user: User) -> list[SavedView]:
    """The views somebody keeps, oldest first."""
    return list(SavedView.objects.filter(user=user))


def keep(user: User, page: str, choices: Mapping[str, str]) -> SavedView:
    """Keep a view; one that is kept already stays as it is. Raises TooMany, and KeyError for no such page."""
    PAGES[page]
    with transaction.atomic():
        User.objects.select_for_update().only("pk").get(pk=user.pk)
        found = SavedView.objects.filter(user=user, page=page, choices=dict(choices)).first()
        if found is not None:
            return found
        if SavedView.objects.filter(user=user).count() >= MOST:
            raise TooMany
        return SavedView.objects.create(user=user, page=page, choices=dict(choices))


def drop(user: User, view: SavedView) -> None:
    """Forget a view of one's own. Raises DoesNotExist for anybody else's."""
    SavedView.objects.get(pk=view.pk, user=user).delete()


def send(user: User, view: SavedView, *, wanted: bool) -> None:
    """Ask for an e-mail at new figures, from now on, or stop it. Raises DoesNotExist for anybody else's."""
    found = SavedView.objects.get(pk=view.pk, user=user)
    found.is_sent = wanted
    found.told = _newest(found.page) if wanted else ""
    found.save(update_fields=["is_sent", "told"])


def tell() -> int:
    """Send an e-mail for each view that wants one and has new figures; how many were sent.

    One person gets one e-mail, whatever number of views has news. Who may no longer read the figures gets
    none. A view is marked first: an e-mail that could not be sent is not tried for ever.
    """
    if not can_send():
        return 0
    newest = {page: _newest(page) for page in PAGES}
    news: dict[int, User] = {}
    for view in SavedView.objects.filter(is_sent=True).select_related("user"):
        if newest.get(view.page, "") in ("", view.told):
            continue
        marked = SavedView.objects.filter(pk=view.pk, told=view.told).update(told=newest[view.page])
        if marked and _may_read(view.user):
            news[view.user_id] = view.user
    sent = 0
    for user in news.values():
        try:
            sent += _write_to(user)
        except OSError as error:
            log.warning("an e-mail about new figures was not sent (%s)", type(error).__name__)
    return sent


def _newest(page: str) -> str:
    """The label of the page's newest release for partners; empty before there is one."""
    found = Release.objects.filter(measure__in=PAGES[page], scope=Scope.PARTNERS)
    return found.order_by("-made_at", "-label").values_list("label", flat=True).first() or ""


def _may_read(user: User) -> bool:
    roles = [role.name for role in ROLES.values() if Permission.REPORT_NETWORK in role.grants]
    here = Membership.objects.filter(user=user, role__in=roles, agency__left_on=None)
    return user.is_active and here.exists()


def _write_to(user: User) -> int:
    address = settings.CSRF_TRUSTED_ORIGINS[0].rstrip("/") + reverse("reporting:saved")
    with override(user.language):
        return send_mail(
            _("A view you saved has new figures"),
            _(
                "A view you saved has new figures. Sign in to see them:\n\n%(address)s\n\n"
                "You can stop these e-mails on the same page."
            )
            % {"address": address},
            None,
            [user.email],
        )
