"""The counting door's policies ask who counts once a statement, not once a row. Nobody sees more or less."""

from django.db import migrations

from agencies.scope.rows import MINE, asked_once

TABLES = (
    "referrals_client",
    "referrals_clientopenedto",
    "referrals_columnmapping",
    "referrals_compelleddisclosure",
    "referrals_contactcard",
    "referrals_countobjection",
    "referrals_disclosure",
    "referrals_draft",
    "referrals_enrollment",
    "referrals_followup",
    "referrals_handover",
    "referrals_import",
    "referrals_importedrow",
    "referrals_importproblem",
    "referrals_legalhold",
    "referrals_linkanswer",
    "referrals_linkrecord",
    "referrals_offer",
    "referrals_opening",
    "referrals_openingpost",
    "referrals_referral",
    "referrals_refusedrows",
    "referrals_releaseofinformation",
    "referrals_restriction",
    "referrals_screening",
    "referrals_service",
    "referrals_shredding",
    "referrals_signingrule",
    "referrals_touchpoint",
)

# Answers to its own referrals are another agency's rows (0004).
ANSWERS = f" OR sender_id = {MINE}"


class Migration(migrations.Migration):
    dependencies = [("referrals", "0014_availability"), ("agencies", "0016_counting_asked_once")]

    operations = [
        *(asked_once(table) for table in TABLES),
        asked_once("referrals_response", ANSWERS),
    ]
