"""What every page with a form does alike: a draft kept while typing, one save however often it is sent, and
errors that lose nothing. What is asked stands in `referrals.forms`.
"""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from agencies import ledger
from agencies.doors import AgencyView
from agencies.roles import Permission
from agencies.scope import Scoped
from referrals import actions, queries
from referrals.models import Client, Draft

# A draft is a page of typing; more is no draft.
LARGEST_DRAFT = 100_000


# By name: the pages whose drafts may be kept.
ENTRIES: "dict[str, type[Entry]]" = {}
_ONCE = Signer(salt="referrals.once")


def once_of(request: HttpRequest) -> UUID:
    """The id that this filling-in of a form was given; sending it twice records it once.

    It is signed: an id of the sender's own choosing could tell whether that row exists elsewhere.
    """
    return id_of_form(request) or uuid.uuid4()


def id_of_form(request: HttpRequest) -> UUID | None:
    """The id that the form said its row will have; None if the form does not say so any more."""
    try:
        return UUID(_ONCE.unsign(request.POST.get("once", "")))
    except (BadSignature, ValueError):
        return None


def entry_url(form: str, client: Client | None) -> str:
    """The page on which a draft is taken up again."""
    return reverse(f"referrals:{form}", args=[client.pk] if client else [])


def draft_url(form: str, client: UUID | None) -> str:
    return reverse("referrals:draft", kwargs={"form": form, **({"client": client} if client else {})})


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put an action's refusal where the person sees it: at the field it names, else above the form."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, found in error.error_dict.items():
        form.add_error(name if name in form.fields else None, found)


class ClientPage(AgencyView):
    """A page about one client. Opening it is entered in the ledger."""

    needs: Permission | Mapping[str, Permission] = Permission.CLIENT_VIEW

    def find_client(self, pk: UUID, *, record: bool = True) -> Client:
        client = get_object_or_404(Client.objects.select_related("worker", "county"), pk=pk)
        if record:
            ledger.record("client.viewed", client)
        return client


class Entry(ClientPage):
    """A form that records one thing, of a client or of nobody.

    Subclasses set the form and template and write `save`. `name` is the route and the name of the draft;
    without `model` a second sending is no harm and is not looked for.
    """

    needs = Permission.CLIENT_EDIT
    name: ClassVar[str]
    title: ClassVar[Promise]
    form_class: ClassVar[type[forms.Form]]
    template_name: ClassVar[str]
    model: ClassVar[type[Scoped] | None] = None
    keeps_draft: ClassVar[bool] = True
    said: ClassVar[Promise | str] = ""

    client: Client | None = None
    saved: Any = None
    taken_up: QueryDict | None = None  # what the draft says that this page begins with

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.keeps_draft:
            ENTRIES.setdefault(cls.name, cls)

    def find(self, **kwargs: Any) -> None:
        """Look up what the address names. Raises Http404 for what is not there or not ours."""
        if "client" in kwargs:
            self.client = self.find_client(kwargs["client"], record=self.request.method == "GET")

    def form(self, **options: Any) -> forms.Form:
        return self.form_class(**options)

    def initial(self) -> dict[str, Any]:
        return {}

    def restored(self, data: QueryDict) -> dict[str, Any]:
        """A draft as initial answers: typed text as it was typed, right or wrong."""
        fields = self.form().fields
        return {
            name: one.widget.value_from_datadict(data, MultiValueDict(), name) for name, one in fields.items()
        }

    def save(self, form: forms.Form, id: UUID) -> Any:
        """Record it, through an action. May raise ValidationError; nothing of it is kept then."""
        raise NotImplementedError

    def after(self) -> str:
        """Where to go when it is saved."""
        assert self.client is not None
        return reverse("referrals:client", args=[self.client.pk])

    def context(self, form: forms.Form) -> dict[str, Any]:
        return {}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        self.find(**kwargs)
        draft = queries.draft_of(self.name, self.client) if self.keeps_draft else None
        initial = self.initial()
        if draft is not None:
            self.taken_up = _posted(actions.read_draft(draft))
            initial |= self.restored(self.taken_up)
        return self.page(self.form(initial=initial), draft=draft)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        self.find(**kwargs)
        form = self.form(data=request.POST)
        id = once_of(request)
        if not form.is_valid():
            return self.page(form)
        if self.model is None or not queries.is_recorded(self.model, id):
            try:
                with transaction.atomic():
                    self.saved = self.save(form, id)
            except ValidationError as error:
                add_errors(form, error)
                return self.page(form)
            except IntegrityError:
                if self.model is None or not queries.is_recorded(self.model, id):
                    raise
        if self.keeps_draft:
            actions.drop_draft(form=self.name, client=self.client)
        if self.said:
            messages.success(request, str(self.said))
        return redirect(self.after())

    def page(self, form: forms.Form, *, draft: Draft | None = None) -> HttpResponse:
        client = self.client
        once = self.request.POST.get("once") or _ONCE.sign(str(uuid.uuid4()))
        context = {
            "form": form,
            "client": client,
            "code": queries.code_of(client) if client else "",
            "title": self.title,
            "draft": draft,
            "draft_url": draft_url(self.name, client.pk if client else None) if self.keeps_draft else "",
            "once": once,
            "new_id": once.partition(":")[0],
            **self.context(form),
        }
        return TemplateResponse(self.request, self.template_name, context)


def _posted(body: Mapping[str, Any]) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, values in body.items():
        data.setlist(name, list(values))
    return data


class KeepDraft(ClientPage):
    """Keeps what is typed in a form, sealed and for its worker only. Answers 204: kept."""

    needs = {"POST": Permission.CONTACT_RECORD}

    def post(self, request: HttpRequest, form: str, client: UUID | None = None) -> HttpResponse:
        entry = ENTRIES.get(form)
        if entry is None:
            raise Http404
        if client is not None or form != "contact_new":
            self.actor.require(Permission.CLIENT_EDIT)
        of = self.find_client(client, record=False) if client else None
        if request.POST.get("throw_away"):
            actions.drop_draft(form=form, client=of)
            messages.info(request, _("The draft is gone."))
            return redirect(entry_url(form, of))
        body = {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"}
        if sum(len(one) for values in body.values() for one in values) > LARGEST_DRAFT:
            return HttpResponse(status=413)
        if entry.model is not None and queries.is_recorded(entry.model, once_of(request)):
            return HttpResponse(status=204)  # it was saved while this was under way
        body.pop("once", None)
        actions.keep_draft(form=form, body=body, client=of)
        return HttpResponse(status=204)
