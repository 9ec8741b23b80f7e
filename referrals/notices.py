"""The notices that some records carry wherever they go: in our words, and in the law's where it gives them.

Which apply follows from what an agency's awards are under. What the client reads before signing stands on the
form (`web.release_words`).
"""

from collections.abc import Mapping

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from agencies.models import Award, Regime
from agencies.scope import current_actor
from referrals.picklists import DisclosureNotice

TO_THE_RECEIVER: Mapping[DisclosureNotice, tuple[Promise, ...]] = {
    # 42 CFR 2.32(a)(2) allows this sentence, word for word, as the notice.
    DisclosureNotice.PART_2: (
        gettext_lazy("42 CFR part 2 prohibits unauthorized use or disclosure of these records."),
        gettext_lazy(
            "Use them only for what is named here, and give them to nobody else unless the client agrees in "
            "writing or 42 CFR part 2 allows it. No court or authority may use them against the client "
            "without the client's written consent or a court order under that part."
        ),
    ),
    # 34 CFR 99.33(a) and (d)
    DisclosureNotice.FERPA: (
        gettext_lazy(
            "These are education records. Use them only for what is named here, and give them to nobody "
            "else without the written consent of the parent, or of the student from the age of 18 "
            "(34 CFR 99.33)."
        ),
    ),
}
_REGIMES = {Regime.PART_2: DisclosureNotice.PART_2, Regime.FERPA: DisclosureNotice.FERPA}


def notices(agency: int | None = None) -> list[DisclosureNotice]:
    """Which apply at the agency (the acting one), by the awards it has or had: records outlive an award."""
    asked = agency or current_actor().agency_id
    begun = Award.objects.filter(agency_id=asked, starts_on__lte=timezone.localdate())
    regimes = {one for found in begun.values_list("regimes", flat=True) for one in found}
    return [notice for regime, notice in _REGIMES.items() if regime in regimes]
