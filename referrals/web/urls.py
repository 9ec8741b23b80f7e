"""Where the casework's pages stand. Nothing of a client is in an address but a random id."""

from django.urls import path

from referrals.web import (
    bulkcards,
    cards,
    clients,
    contacts,
    day,
    disclosures,
    entry,
    exports,
    handover,
    imports,
    labels,
    services,
)

app_name = "referrals"

urlpatterns = [
    path("day/", day.Caseload.as_view(), name="caseload"),
    path("find/", day.Find.as_view(), name="find"),
    path("clients/", day.Clients.as_view(), name="clients"),
    path("clients/labels/", labels.Labels.as_view(), name="labels"),
    path("clients/new/", clients.ClientNew.as_view(), name="client_new"),
    path("clients/<uuid:client>/", clients.ClientView.as_view(), name="client"),
    path("clients/<uuid:client>/edit/", clients.ClientEdit.as_view(), name="client_edit"),
    path("clients/<uuid:client>/card/", cards.CardPage.as_view(), name="card"),
    path("clients/<uuid:client>/restrict/", clients.ClientRestrict.as_view(), name="client_restrict"),
    path("cards/open/", cards.CardsOpen.as_view(), name="cards_open"),
    path("cards/all/", cards.CardsAll.as_view(), name="cards_all"),
    path("cards/save/", cards.CardSave.as_view(), name="card_save"),
    path("cards/older/", cards.CardsOlder.as_view(), name="cards_older"),
    path("cards/reseal/", cards.CardsReseal.as_view(), name="cards_reseal"),
    path("contacts/new/", contacts.ContactNew.as_view(), name="contact_new"),
    path("clients/<uuid:client>/contacts/new/", contacts.ClientContactNew.as_view(), name="contact_new"),
    path("clients/<uuid:client>/screenings/new/", contacts.ScreeningNew.as_view(), name="screening_new"),
    path("clients/<uuid:client>/follow-ups/new/", contacts.FollowUpNew.as_view(), name="follow_up_new"),
    path("clients/<uuid:client>/enroll/", services.Enroll.as_view(), name="enroll"),
    path("enrollments/<uuid:pk>/exit/", services.EnrollmentExit.as_view(), name="enrollment_exit"),
    path("clients/<uuid:client>/services/new/", services.ServiceNew.as_view(), name="service_new"),
    path("services/day/", services.ServicesDay.as_view(), name="services_day"),
    path("clients/<uuid:client>/referrals/new/", handover.ReferralNew.as_view(), name="referral_new"),
    path("referrals/", day.Referrals.as_view(), name="referrals"),
    path("referrals/<uuid:pk>/", handover.ReferralView.as_view(), name="referral"),
    path("offers/<uuid:pk>/", handover.OfferView.as_view(), name="offer"),
    path("clients/<uuid:client>/hand-over/", disclosures.HandOverPage.as_view(), name="hand_over"),
    path("handovers/", disclosures.HandoverNew.as_view(), name="handover_new"),
    path(
        "handovers/<uuid:handover>/withdraw/",
        disclosures.HandoverWithdraw.as_view(),
        name="handover_withdraw",
    ),
    path("handed-to-us/", disclosures.HandedToUs.as_view(), name="handed_to_us"),
    path("disclosures/<uuid:disclosure>/open/", disclosures.DisclosureOpen.as_view(), name="disclosure_open"),
    path("drafts/<slug:form>/", entry.KeepDraft.as_view(), name="draft"),
    path("drafts/<slug:form>/<uuid:client>/", entry.KeepDraft.as_view(), name="draft"),
    *bulkcards.urlpatterns,
    *exports.urlpatterns,
    *imports.urlpatterns,
]
