"""The permissions of who opens and keeps the keys of contact cards."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("agencies", "0006_card_keys"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="agency",
            options={
                "default_permissions": (),
                "ordering": ["name"],
                "permissions": [
                    ("contact_record", "contact record"),
                    ("client_view", "client view"),
                    ("client_edit", "client edit"),
                    ("client_restrict", "client restrict"),
                    ("card_open", "card open"),
                    ("card_keep", "card keep"),
                    ("referral_send", "referral send"),
                    ("referral_answer", "referral answer"),
                    ("data_import", "data import"),
                    ("report_own", "report own"),
                    ("report_network", "report network"),
                    ("report_export", "report export"),
                    ("report_release", "report release"),
                    ("grant_report", "grant report"),
                    ("ledger_read", "ledger read"),
                    ("agency_manage", "agency manage"),
                    ("member_invite", "member invite"),
                    ("network_manage", "network manage"),
                    ("hub_operate", "hub operate"),
                ],
                "verbose_name_plural": "agencies",
            },
        ),
    ]
