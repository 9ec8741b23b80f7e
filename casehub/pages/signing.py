"""From what age a minor signs a release alone: the agency's own table, each row with its law. Who signed what
stands with the releases (referrals/releases.py)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse

from agencies.roles import Permission
from casehub.pages.agency import Page
from referrals import releases
from referrals.forms.releases import SigningRuleForm
from referrals.web.cards import as_uuid
from referrals.web.entry import add_errors


class SigningPage(Page):
    """The table. The data lead writes it; supervisors read it."""

    name, template = "signing", "casehub/signing.html"
    needs = {"GET": Permission.CARD_KEEP, "POST": Permission.AGENCY_MANAGE}
    acts = frozenset({"add_rule", "end_rule"})

    def context(self) -> dict[str, Any]:
        return {
            "rules": releases.signing_rules(),
            "may_change": self.actor.may(Permission.AGENCY_MANAGE),
            "form": SigningRuleForm(),
        }

    def do_add_rule(self) -> HttpResponse | None:
        form = SigningRuleForm(self.request.POST)
        if form.is_valid():
            try:
                releases.add_signing_rule(**form.cleaned_data)
                return None
            except ValidationError as error:
                add_errors(form, error)
        return self.show(form=form)

    def do_end_rule(self) -> HttpResponse | None:
        try:
            rule = releases.signing_rules().filter(pk=as_uuid(self.request.POST.get("rule"))).first()
        except ValidationError:
            return self.show(status=400)
        if rule is not None:
            releases.end_signing_rule(rule=rule)
        return None
