"""What an entry of the ledger says that somebody did, in words instead of its code (`client.viewed`).

The codes are kept: the ledger's CSV, its filter and its seals go by them. Which codes there are is up to who
enters them (agencies/ledger.py; the database enters every write). How entries are listed stands in the pages.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

# What a decision, a view or an export is called. Codes of a noun and one of WAYS need no line here.
SAID: dict[str, Promise] = {
    "agency.changed": gettext_lazy("Changed the agency's facts"),
    "agency.keys_destroyed": gettext_lazy("Destroyed the agency's keys"),
    "agency.opened": gettext_lazy("Added the agency to the network"),
    "agency.sharing_allowed": gettext_lazy("Took the nation's veto back"),
    "agency.sharing_vetoed": gettext_lazy("Vetoed sharing for the nation"),
    "card.matched": gettext_lazy("Asked whose the cards of a sealed file are"),
    "card.sent": gettext_lazy("Was sent sealed contact cards"),
    "client.export_asked": gettext_lazy("Asked for an export of the agency's records"),
    "client.exported": gettext_lazy("Took the agency's records out"),
    "client.listed": gettext_lazy("Saw clients in a list"),
    "client.opened": gettext_lazy("Opened a client to colleagues again"),
    "client.restricted": gettext_lazy("Closed a client to colleagues"),
    "client.taken_over": gettext_lazy("Took over clients closed to colleagues"),
    "client.viewed": gettext_lazy("Looked at a client"),
    "disclosure.compelled": gettext_lazy("Disclosed what an order or a law demands"),
    "disclosure.opened": gettext_lazy("Opened what another agency handed over"),
    "disclosure.opened_there": gettext_lazy("The other agency opened what was handed over"),
    "handover.made": gettext_lazy("Handed a client's details over, sealed"),
    "handover.withdrawn": gettext_lazy("Withdrew what was handed over"),
    "identity.key_came_back": gettext_lazy("Destroyed keys again that an old copy had brought back"),
    "identity.shredded": gettext_lazy("Destroyed who clients are"),
    "import.finished": gettext_lazy("Took a file in"),
    "import.problems_exported": gettext_lazy("Exported an import's problems"),
    "import.rows_exported": gettext_lazy("Exported the rows not taken in"),
    "ledger.exported": gettext_lazy("Exported the ledger"),
    "kit.made": gettext_lazy("Made a recovery kit"),
    "kit.used": gettext_lazy("Used the recovery kit"),
    "link.answer_taken_back": gettext_lazy("Took an answer about two records back"),
    "link.answered": gettext_lazy("Answered whether two records are one person"),
    "link.apart": gettext_lazy("Kept two records apart"),
    "link.shown_there": gettext_lazy("Another agency was shown that it may know the same client"),
    "link.together": gettext_lazy("Linked two records as one person"),
    "link.undone": gettext_lazy("Took a decision about two records back"),
    "linkrecord.stored": gettext_lazy("Kept a client's tokens"),
    "member.brought_back": gettext_lazy("Brought an account back"),
    "member.invitation_taken_back": gettext_lazy("Took an invitation back"),
    "member.invited": gettext_lazy("Invited someone"),
    "member.joined": gettext_lazy("Joined"),
    "member.let_back_in": gettext_lazy("Let a person back in"),
    "member.put_to_rest": gettext_lazy("Put an account to rest"),
    "member.role_ended": gettext_lazy("Ended a person's role"),
    "member.second_step_taken_off": gettext_lazy("Took a person's second step off"),
    "linkage.list_taken": gettext_lazy("Took out the list of clients whose tokens are wanted"),
    "offer.accepted": gettext_lazy("Accepted an offer"),
    "offer.declined": gettext_lazy("Declined an offer"),
    "offer.waitlisted": gettext_lazy("Put an offer on the waitlist"),
    "referral.sent": gettext_lazy("Sent a referral"),
    "release.came_back": gettext_lazy("Took back again what a restored backup had brought back"),
    "release.not_wanted": gettext_lazy("Noted that a client does not want to be counted"),
    "release.renewed": gettext_lazy("Renewed a release of information"),
    "release.revoked": gettext_lazy("Took a release of information back"),
    "release.signed": gettext_lazy("Took a signed release of information in"),
    "report.exported": gettext_lazy("Exported figures"),
    "report.frozen": gettext_lazy("Froze a report"),
    "report.rows_viewed": gettext_lazy("Looked at who is counted"),
    "token.made": gettext_lazy("Made an API token"),
    "token.revoked": gettext_lazy("Revoked an API token"),
    "vault.begun": gettext_lazy("Began the contact cards"),
    "vault.handover_key_made": gettext_lazy("Made the agency's hand-over key"),
    "vault.key_admitted": gettext_lazy("Let a person's key in"),
    "vault.key_asked": gettext_lazy("Asked for a key"),
    "vault.key_dropped": gettext_lazy("Gave up their own key"),
    "vault.key_refused": gettext_lazy("Turned a key away"),
    "vault.opener_added": gettext_lazy("Added a way to open their key"),
    "vault.opener_removed": gettext_lazy("Removed a way to open their key"),
    "vault.partner_dropped": gettext_lazy("Took a partner's key out of the book"),
    "vault.partner_pinned": gettext_lazy("Compared a partner's key and kept it"),
    "vault.rotated": gettext_lazy("Renewed the key of the contact cards"),
    "vault.version_destroyed": gettext_lazy("Destroyed an older key of the contact cards"),
    "linkage.epoch_begun": gettext_lazy("Took a new epoch of the key holders to use"),
    "linkage.epoch_ended": gettext_lazy("Ended an epoch of the key holders, with its tokens"),
    "linkage.holder_named": gettext_lazy("Said where a key holder is and who runs it"),
    "linkage.turned_off": gettext_lazy("Turned linkage off"),
    "linkage.turned_on": gettext_lazy("Turned linkage on"),
    "workstation.added": gettext_lazy("Added a shared workstation"),
    "workstation.removed": gettext_lazy("Removed a shared workstation"),
    "workstation.used": gettext_lazy("Signed in at a shared workstation"),
}  # fmt: skip
# The second half of a code, for every noun. A colon keeps them free of gender and number in any language.
WAYS: dict[str, Promise] = {
    "created": gettext_lazy("Recorded: %(noun)s"),
    "changed": gettext_lazy("Changed: %(noun)s"),
    "deleted": gettext_lazy("Deleted: %(noun)s"),
    "viewed": gettext_lazy("Looked at: %(noun)s"),
    "listed": gettext_lazy("Saw in a list: %(noun)s"),
}
# The first half: a kind of row (a model's name), as people at an agency call it.
NOUNS: dict[str, Promise] = {
    "apitoken": gettext_lazy("API token"),
    "award": gettext_lazy("award"),
    "awardproject": gettext_lazy("who pays for a project"),
    "client": gettext_lazy("client"),
    "clientopenedto": gettext_lazy("who may open a closed client"),
    "columnmapping": gettext_lazy("what a spreadsheet's columns are"),
    "compelleddisclosure": gettext_lazy("disclosure that an order or a law demands"),
    "contactcard": gettext_lazy("contact card"),
    "keywrap": gettext_lazy("cards' key, wrapped for a member"),
    "memberkey": gettext_lazy("member's key to the cards"),
    "opener": gettext_lazy("way to open a member's key"),
    "vaultkey": gettext_lazy("cards' key"),
    "disclosure": gettext_lazy("details handed over"),
    "draft": gettext_lazy("draft"),
    "enrollment": gettext_lazy("enrollment"),
    "followup": gettext_lazy("follow-up"),
    "grantreport": gettext_lazy("grant report"),
    "handover": gettext_lazy("handing over of details"),
    "handoverkey": gettext_lazy("key for what is handed to us"),
    "holderfile": gettext_lazy("file of the key holders"),
    "import": gettext_lazy("import"),
    "importedrow": gettext_lazy("row of an imported file"),
    "importproblem": gettext_lazy("problem of an import"),
    "legalhold": gettext_lazy("legal hold"),
    "linkanswer": gettext_lazy("answer about two records"),
    "offer": gettext_lazy("offer"),
    "project": gettext_lazy("project"),
    "referral": gettext_lazy("referral"),
    "refusedrows": gettext_lazy("rows not taken in"),
    "releaseofinformation": gettext_lazy("release of information"),
    "response": gettext_lazy("answer to an offer"),
    "restriction": gettext_lazy("closing of a client to colleagues"),
    "screening": gettext_lazy("screening"),
    "service": gettext_lazy("service"),
    "signingrule": gettext_lazy("rule by which minors sign"),
    "sharingagreement": gettext_lazy("sharing agreement"),
    "shredding": gettext_lazy("line of a certificate of destruction"),
    "touchpoint": gettext_lazy("contact"),
}


def deed(verb: str) -> str:
    """What a code says: `client.viewed` is "Looked at a client". A code without words is shown as it is."""
    noun, _dot, way = verb.partition(".")
    noun = noun if noun in NOUNS else noun.removesuffix("s")  # the API lists `clients`
    if said := SAID.get(f"{noun}.{way}"):
        return str(said)
    if noun in NOUNS and way in WAYS:
        return str(WAYS[way]) % {"noun": NOUNS[noun]}
    return verb
