"""Every table of the casework goes behind its agency's wall."""

from django.db import migrations

from agencies.scope.rows import MINE, AgencyRows

# An Offer can be pointed at only with its sender, receiver and referral together; so only its receiver
# can answer it, and the answer can't claim another referral.
OFFER_KEY = """
ALTER TABLE referrals_offer ADD CONSTRAINT referrals_offer_is_of_these_parties
    UNIQUE (id, agency_id, receiver_id, referral_id);
ALTER TABLE referrals_response ADD CONSTRAINT referrals_response_answers_its_own_offer
    FOREIGN KEY (offer_id, sender_id, agency_id, referral_ref)
    REFERENCES referrals_offer (id, agency_id, receiver_id, referral_id) NOT DEFERRABLE;
"""
NO_OFFER_KEY = """
ALTER TABLE referrals_response DROP CONSTRAINT referrals_response_answers_its_own_offer;
ALTER TABLE referrals_offer DROP CONSTRAINT referrals_offer_is_of_these_parties;
"""


class Migration(migrations.Migration):
    dependencies = [("referrals", "0001_initial"), ("agencies", "0002_wall")]

    operations = [
        AgencyRows("Client", client="id"),
        AgencyRows("Restriction"),
        AgencyRows("ClientOpenedTo"),
        AgencyRows("Enrollment", client="client_id"),
        AgencyRows("Service", client="client_id"),
        AgencyRows("Touchpoint", client="client_id"),
        AgencyRows("Screening", client="client_id"),
        AgencyRows("FollowUp", client="client_id"),
        AgencyRows("Draft", client="client_id"),
        AgencyRows("Referral", client="client_id"),
        AgencyRows("Offer", readers={"received": f"receiver_id = {MINE}"}),
        AgencyRows("Response", readers={"answered": f"sender_id = {MINE}"}, foreign=("offer",)),
        AgencyRows("Import"),
        AgencyRows("ImportProblem"),
        AgencyRows("ImportedRow", client="client_id"),
        AgencyRows("ColumnMapping"),
        migrations.RunSQL(OFFER_KEY, NO_OFFER_KEY, elidable=False),
    ]
