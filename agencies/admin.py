"""The operator's side door: agencies' facts, counties, accounts at rest, invitations. Never a client's row.

It is a site of its own, so that what libraries register elsewhere is not in it; a test holds it to tables
without row security. Roles, passwords and second factors are not changed here: whoever could do that could
read as anyone.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from agencies import actions
from agencies.doors import has_second_factor
from agencies.models import Agency, AgencyType, County, Invitation, Membership, User
from agencies.roles import Permission
from agencies.scope import Actor, NotAllowed


def is_operator(user: object) -> bool:
    """Whether the user operates the hub, by their role at its office, and has a second factor."""
    if not isinstance(user, User) or not user.is_active or not has_second_factor(user):
        return False
    for office in Agency.objects.filter(type=AgencyType.HUB_OFFICE, memberships__user=user).distinct():
        try:
            if Actor.of(user, office).may(Permission.HUB_OPERATE):
                return True
        except NotAllowed:
            continue
    return False


class Operations(admin.AdminSite):
    """For holders of `hub_operate` only; `is_staff` and `is_superuser` count for nothing."""

    site_header = site_title = _("Hub operations")
    index_title = _("Agencies and accounts")
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        if not hasattr(request, "is_operator"):
            request.is_operator = is_operator(request.user)  # type: ignore[attr-defined]
        return bool(request.is_operator)  # type: ignore[attr-defined]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect_to_login(request.GET.get("next", request.get_full_path()))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")


operations = Operations(name="admin")


class Plain(admin.ModelAdmin):
    """What the operator may do to a table: `may` of add, change, delete; viewing always."""

    may: frozenset[str] = frozenset()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return operations.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operations.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return "add" in self.may and operations.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "change" in self.may and operations.has_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "delete" in self.may and operations.has_permission(request)


@admin.register(Agency, site=operations)
class AgencyAdmin(Plain):
    may = frozenset({"change"})
    list_display = ("name", "slug", "type", "sector", "county", "left_on")
    readonly_fields = ("slug", "type", "is_tribal", "sharing_vetoed", "sharing_vetoed_at")


@admin.register(County, site=operations)
class CountyAdmin(Plain):
    may = frozenset({"add", "change"})
    list_display = ("name", "region", "state", "fips")


@admin.register(User, site=operations)
class UserAdmin(Plain):
    """An account can be put at rest and brought back; nothing else about it changes here."""

    may = frozenset({"change"})
    fields = ("email", "name", "language", "is_active", "joined_at", "last_login")
    readonly_fields = ("email", "joined_at", "last_login")
    list_display = ("email", "name", "is_active", "last_login")
    search_fields = ("email", "name")

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kw: Any
    ) -> Any:
        """Each agency of the person reads in its ledger who did it. Entered after the admin's transaction:
        a door is a transaction of its own."""
        before = self.get_object(request, object_id or "")
        response = super().changeform_view(request, object_id, *args, **kw)
        after = self.get_object(request, object_id or "")
        if before is not None and after is not None and before.is_active != after.is_active:
            actions.enter_rest(after, by=request.user.pk)
        return response


@admin.register(Membership, site=operations)
class MembershipAdmin(Plain):
    list_display = ("user", "role", "agency", "since")
    list_filter = ("role",)


@admin.register(Invitation, site=operations)
class InvitationAdmin(Plain):
    """An invitation can be taken back until it is accepted; making one is the agencies' own."""

    may = frozenset({"delete"})
    fields = ("agency", "email", "name", "role", "invited_by", "invited_at", "expires_at", "accepted_at")
    list_display = ("email", "agency", "role", "invited_at", "expires_at", "accepted_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An accepted one stays: it says that an agency had its data lead, so the office invites no other."""
        taken = obj is not None and obj.accepted_at is not None
        return not taken and super().has_delete_permission(request, obj)
