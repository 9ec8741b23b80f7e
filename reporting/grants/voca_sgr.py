"""The VOCA subgrantee report of the Office for Victims of Crime, as data: its questions and its crosswalk.

The wording is near the form's own and has not been checked by a grantee. Nothing is counted here.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from referrals.picklists import (
    AgeBand,
    Gender,
    Picklist,
    Race,
    ServiceType,
    SpecialClassification,
    TraffickingStatus,
    TraffickingType,
    Victimization,
    gettext_noop,
)
from reporting.grants.form import Answers, Count, GrantForm, Item, PeriodKind, Placement, Section

_ = gettext_noop

NOT_REPORTED = "Not Reported"
NOT_TRACKED = "Not Tracked"
MULTIPLE_RACES = "Multiple Races"

# --- Facts: which of the form's words are true of somebody


def _one(answers: Answers, name: str) -> str:
    value = answers.get(name, "not_asked")
    return value if isinstance(value, str) else NOT_REPORTED


def _several(answers: Answers, name: str) -> frozenset[str]:
    value = answers.get(name, "not_asked")
    return frozenset([value] if isinstance(value, str) else value)


def _group(codelist: type[Picklist], value: str) -> frozenset[str]:
    return frozenset([codelist(value).codes.voca or NOT_REPORTED])


def age_group(answers: Answers) -> frozenset[str]:
    """The form's age band: exactly one."""
    return _group(AgeBand, _one(answers, "age_band"))


def gender_group(answers: Answers) -> frozenset[str]:
    """The form's gender group: exactly one."""
    return _group(Gender, _one(answers, "gender"))


def race_group(answers: Answers) -> frozenset[str]:
    """The form's race group: exactly one. More than one race is Multiple Races, also with Hispanic/Latino."""
    races = [Race(value) for value in _several(answers, "races")]
    told = [race for race in races if not race.is_missing]
    if len(told) > 1:
        return frozenset([MULTIPLE_RACES])
    if told:
        return _group(Race, told[0])
    # "none of these" and "did not say" were both asked
    return frozenset([NOT_TRACKED if set(races) == {Race.NOT_ASKED} else NOT_REPORTED])


_TRAFFICKING: Mapping[TraffickingType, tuple[Victimization, ...]] = {
    TraffickingType.SEX: (Victimization.HUMAN_TRAFFICKING_SEX,),
    TraffickingType.LABOR: (Victimization.HUMAN_TRAFFICKING_LABOR,),
    TraffickingType.SEX_AND_LABOR: (
        Victimization.HUMAN_TRAFFICKING_SEX,
        Victimization.HUMAN_TRAFFICKING_LABOR,
    ),
    # the form has no uncertain trafficking, and dropping the person would be worse (K12)
    TraffickingType.UNCERTAIN: (Victimization.OTHER,),
}


def crime_types(answers: Answers) -> frozenset[str]:
    """The form's types of victimization: those recorded, and those that the type of trafficking says."""
    crimes = {Victimization(value) for value in _several(answers, "victimizations")}
    if _one(answers, "trafficking_status") != TraffickingStatus.NOT_TRAFFICKED:
        crimes.update(_TRAFFICKING.get(TraffickingType(_one(answers, "trafficking_type")), ()))
    return _words(crimes)


def crime_types_in_number(answers: Answers) -> frozenset[str]:
    """`none`, `one` or `several`. With `none` the person stands under no type, and the page says how many."""
    return frozenset([("none", "one", "several")[min(len(crime_types(answers)), 2)]])


def special_classifications(answers: Answers) -> frozenset[str]:
    """The form's special classifications, as the person says."""
    return _words(SpecialClassification(value) for value in _several(answers, "classifications"))


def _words(values: Iterable[Picklist]) -> frozenset[str]:
    return frozenset(value.codes.voca for value in values if value.codes.voca and not value.is_missing)


# --- Items


def _new(prefix: str, fact: str, words: tuple[str, ...], rule: str) -> tuple[Item, ...]:
    """A block of Q4: everybody of Q3 stands in exactly one of the words."""
    return tuple(
        Item(
            code=f"{prefix}.{number}",
            label=word,
            rule=rule,
            rules=("K3", "K4", "K7"),
            count=Count.people("new", where={fact: word}),
        )
        for number, word in enumerate(words, start=1)
    )


def _one_of_many(prefix: str, fact: str, codelist: type[Picklist], rule: str) -> tuple[Item, ...]:
    """A block of Q5: everybody of Q1 and Q2 stands under each word that is true of them."""
    return tuple(
        Item(
            code=f"{prefix}.{number}",
            label=member.label,
            rule=rule,
            rules=("K5", "K12") if codelist is Victimization else ("K5",),
            count=Count.people("served_and_anonymous", where={fact: member.codes.voca or ""}),
        )
        for number, member in enumerate((m for m in codelist if not m.is_missing), start=1)
    )


_TIMES = _(
    "How often services placed under this item were given in the period. A service entered in hours, nights "
    "or dollars is one time."
)


def _times(code: str, label: str, same_words_as: str | None = None) -> Item:
    return Item(
        code=code,
        label=label,
        rule=_TIMES,
        rules=("K6", "K9", "K13"),
        count=Count.occurrences(service_item=code),
        same_words_as=same_words_as,
    )


def _by_hand(code: str, label: str, rule: str, same_words_as: str | None = None) -> Item:
    return Item(
        code=code, label=label, rule=rule, rules=("K4",), count=Count.entered(), same_words_as=same_words_as
    )


def _category(letter: str, title: str, *items: Item) -> Section:
    codes = tuple(item.code for item in items)
    people = Item(
        code=letter,
        label=_("Number of individuals who received services in this category"),
        rule=_("Distinct people with at least one service placed under an item of this category."),
        rules=("K6", "K7", "K8"),
        count=Count.people("served", service_items=codes),
    )
    return Section(code=f"Q8{letter}", title=title, items=(people, *items))


_UNDER_A4 = _("Not told apart from other information, which stands under A4. Enter it if you keep it.")
_UNDER_B1 = _("Not told apart from other medical care, which stands under B1 or B4. Enter it if you keep it.")
_UNDER_B4 = _("Not told apart from other advocacy, which stands under B4. Enter it if you keep it.")
_UNDER_C1 = _("Not told apart from other crisis help, which stands under C1. Enter it if you keep it.")
_UNDER_E10 = _("Not told apart from other court advocacy, which stands under E10. Enter it if you keep it.")
_UNDER_E11 = _("Not told apart from other legal help, which stands under E11. Enter it if you keep it.")

SECTIONS = (
    Section(
        code="Q1-Q3",
        title=_("Population"),
        items=(
            Item(
                code="Q1",
                label=_("Total number of individuals who received services during the reporting period"),
                rule=_("Distinct people with at least one service dated in the period."),
                rules=("K7", "K8", "K13"),
                count=Count.people("served"),
            ),
            Item(
                code="Q2",
                label=_("Total number of anonymous contacts received during the reporting period"),
                rule=_(
                    "Contacts dated in the period that name no client. One caller may be several contacts."
                ),
                rules=("K7", "K13"),
                count=Count.anonymous_contacts(),
            ),
            Item(
                code="Q3",
                label=_("Number of new individuals served for the first time during the reporting period"),
                rule=_(
                    "Those of Q1 who were not served earlier in the federal fiscal year; in the award's "
                    "first period all of them."
                ),
                rules=("K1", "K2", "K7"),
                count=Count.people("new"),
            ),
        ),
    ),
    Section(
        code="Q4-race",
        title=_("Race and ethnicity of new individuals (self-reported)"),
        sums_to="Q3",
        items=_new(
            "Q4.race",
            "race",
            (
                _("American Indian/Alaska Native"),
                _("Asian"),
                _("Black/African American"),
                _("Hispanic/Latino"),
                _("Native Hawaiian & Other Pacific Islander"),
                _("White Non-Latino/Caucasian"),
                _("Some Other Race"),
                _("Multiple Races"),
                _("Not Reported"),
                _("Not Tracked"),
            ),
            _("New people of this race alone; those with more than one stand under Multiple Races."),
        ),
    ),
    Section(
        code="Q4-gender",
        title=_("Gender of new individuals (self-reported)"),
        sums_to="Q3",
        items=_new(
            "Q4.gender",
            "gender",
            (_("Male"), _("Female"), _("Other"), _("Not Reported"), _("Not Tracked")),
            _("New people by gender. Transgender and another gender stand under Other."),
        ),
    ),
    Section(
        code="Q4-age",
        title=_("Age of new individuals"),
        sums_to="Q3",
        items=_new(
            "Q4.age",
            "age",
            ("0-12", "13-17", "18-24", "25-59", _("60 & Older"), _("Not Reported"), _("Not Tracked")),
            _("New people by age when their service began."),
        ),
    ),
    Section(
        code="Q5A",
        title=_("Types of victimization of all individuals and anonymous contacts"),
        note=_("People with no type recorded stand in no line; complete them before you submit."),
        items=_one_of_many(
            "Q5A",
            "crime",
            Victimization,
            _(
                "People served and anonymous contacts with this type recorded. Sex and labor trafficking "
                "follow from the type of trafficking; an uncertain type stands under Other."
            ),
        ),
    ),
    Section(
        code="Q5B",
        title=_("Multiple victimizations"),
        items=(
            Item(
                code="Q5B",
                label=_("Number of individuals who presented with more than one type of victimization"),
                rule=_("People served and anonymous contacts with two or more types of Q5A, each once."),
                rules=("K5",),
                count=Count.people("served_and_anonymous", where={"crimes_in_number": "several"}),
            ),
        ),
    ),
    Section(
        code="Q5C",
        title=_("Special classifications of individuals (self-reported)"),
        items=_one_of_many(
            "Q5C",
            "classification",
            SpecialClassification,
            _("People served and anonymous contacts who say this of themselves."),
        ),
    ),
    Section(
        code="Q6",
        title=_("Crime compensation"),
        items=(
            Item(
                code="Q6",
                label=_("Number of individuals assisted with a victim compensation application"),
                rule=_("Distinct people helped with an application in the period."),
                rules=("K6", "K13"),
                count=Count.people("served", service_items=("Q6",)),
            ),
        ),
    ),
    Section(
        code="Q7",
        title=_("Service categories that the award funds"),
        items=(
            Item(
                code="Q7",
                label=_("The service categories, A to E, provided with the award and its match"),
                rule=_("A fact of the award, not of the records: choose the categories."),
                rules=("K4",),
                count=Count.entered(),
                choices=("A", "B", "C", "D", "E"),
            ),
        ),
    ),
    _category(
        "A",
        _("Information and referral"),
        _by_hand("A1", _("Information about the criminal justice process"), _UNDER_A4),
        _times("A2", _("Information about victim rights, how to obtain notifications, etc.")),
        _by_hand("A3", _("Referral to other victim service programs"), _UNDER_A4),
        _times("A4", _("Referral to other services, supports and resources")),
    ),
    _category(
        "B",
        _("Personal advocacy and accompaniment"),
        _times("B1", _("Accompaniment to emergency medical care")),
        _by_hand("B2", _("Accompaniment to a medical forensic exam"), _UNDER_B1),
        _by_hand("B3", _("Accompaniment to a law enforcement interview"), _UNDER_E10, same_words_as="E9"),
        _times("B4", _("Individual advocacy, such as help with benefits or return of property")),
        _by_hand("B5", _("Performance of a forensic exam or interview, or evidence collection"), _UNDER_B1),
        _times(
            "B6",
            _("Immigration assistance: special visas, continued presence application, other relief"),
            same_words_as="E7",
        ),
        _by_hand(
            "B7", _("Intervention with an employer, creditor, landlord or academic institution"), _UNDER_B4
        ),
        _times("B8", _("Child or dependent care assistance")),
        _times("B9", _("Transportation assistance")),
        _times("B10", _("Interpreter services")),
    ),
    _category(
        "C",
        _("Emotional support or safety services"),
        _times("C1", _("Crisis intervention in person, including safety planning")),
        _by_hand("C2", _("Hotline or crisis line counseling"), _UNDER_C1),
        _by_hand("C3", _("On-scene crisis response"), _UNDER_C1),
        _times("C4", _("Individual counseling")),
        _times("C5", _("Support groups")),
        _times("C6", _("Other therapy")),
        _times("C7", _("Emergency financial assistance")),
    ),
    _category(
        "D",
        _("Shelter and housing services"),
        _times("D1", _("Emergency shelter or safe house")),
        _times("D2", _("Transitional housing")),
        _times("D3", _("Relocation assistance")),
    ),
    _category(
        "E",
        _("Criminal and civil justice system assistance"),
        _by_hand("E1", _("Notification of criminal justice events"), _UNDER_E10),
        _by_hand("E2", _("Victim impact statement assistance"), _UNDER_E10),
        _by_hand("E3", _("Assistance with restitution"), _UNDER_E10),
        _by_hand(
            "E4", _("Civil legal assistance in obtaining a protection or restraining order"), _UNDER_E11
        ),
        _by_hand("E5", _("Civil legal assistance with family law issues"), _UNDER_E11),
        _by_hand("E6", _("Other emergency justice-related assistance"), _UNDER_E11),
        _times("E7", _("Immigration assistance by an attorney or representative"), same_words_as="B6"),
        _by_hand("E8", _("Prosecution interview advocacy or accompaniment"), _UNDER_E10),
        _by_hand(
            "E9", _("Law enforcement interview advocacy or accompaniment"), _UNDER_E10, same_words_as="B3"
        ),
        _times("E10", _("Criminal advocacy or accompaniment")),
        _times("E11", _("Other legal advice or counsel")),
    ),
)

# --- Crosswalk: each service type under one item, so that no time provided is counted twice

_ONLY = _("The only item that fits.")
_GENERAL = _("The most general item that fits; a finer one would claim more than the record says.")

_PRIMARY: Mapping[ServiceType, tuple[str, str]] = {
    ServiceType.INTAKE: ("B4", _("A needs assessment is work for one person, more than a referral.")),
    ServiceType.ORIENT: ("A2", _ONLY),
    ServiceType.CM: ("B4", _ONLY),
    ServiceType.CRISIS: ("C1", _GENERAL),
    ServiceType.SAFETY: (
        "C1",
        _("C1 names safety planning; relocation is counted when housing help is given."),
    ),
    ServiceType.EMOSUP: ("C4", _ONLY),
    ServiceType.VADV: ("B4", _GENERAL),
    ServiceType.CJADV: ("E10", _GENERAL),
    ServiceType.SHEL_EM: ("D1", _ONLY),
    ServiceType.SHEL_TR: ("D2", _ONLY),
    ServiceType.SHEL_LT: ("D3", _ONLY),
    ServiceType.LEGAL_IMM: ("E7", _("Legal help stands under E; the filings it leads to stand under B6.")),
    ServiceType.LEGAL_CIV: ("E11", _GENERAL),
    ServiceType.LEGAL_CRIM: ("E11", _GENERAL),
    ServiceType.TVISA: ("B6", _("A filing, apart from the legal help, which stands under E7.")),
    ServiceType.UVISA: ("B6", _("A filing, apart from the legal help, which stands under E7.")),
    ServiceType.CP: ("B6", _("A request, apart from the legal help, which stands under E7.")),
    ServiceType.MED_EM: ("B1", _GENERAL),
    ServiceType.MED_LT: ("B4", _("Not an emergency, so with dental and vision care.")),
    ServiceType.DENTAL: ("B4", _ONLY),
    ServiceType.VISION: ("B4", _ONLY),
    ServiceType.MH_EM: ("C4", _("Counseling of one person; C6 is for other kinds of therapy.")),
    ServiceType.MH_LT: ("C4", _("Counseling of one person; C6 is for other kinds of therapy.")),
    ServiceType.GROUP: ("C5", _ONLY),
    ServiceType.SUD: ("C6", _ONLY),
    ServiceType.INTERP: ("B10", _ONLY),
    ServiceType.TRANSP: ("B9", _ONLY),
    ServiceType.CHILD: ("B8", _ONLY),
    ServiceType.BASIC: ("C7", _ONLY),
    ServiceType.FIN: ("C7", _ONLY),
    ServiceType.EMPL: ("B4", _ONLY),
    ServiceType.EDU: ("B4", _ONLY),
    ServiceType.LIFE: ("B4", _ONLY),
    ServiceType.BENEFITS: ("B4", _("B4 names help with benefits.")),
    ServiceType.FAMILY: ("B4", _ONLY),
    ServiceType.REPAT: ("B4", _ONLY),
    ServiceType.COMP: ("Q6", _("Compensation has a question of its own, which counts people.")),
    ServiceType.INFO_REF: ("A4", _GENERAL),
    ServiceType.FOLLOWUP: ("C4", _ONLY),
}

_NOWHERE: Mapping[ServiceType, str] = {
    ServiceType.OUTREACH: _(
        "The form has no item for outreach. A contact that names nobody is counted in Q2, from the contact "
        "itself; a client met in the field is counted in Q1."
    ),
    ServiceType.OTHER: _("The form has no item for it. The person is counted in Q1."),
}

CROSSWALK: Mapping[ServiceType, Placement] = {
    **{
        service: Placement(
            item=item, why=why, also=tuple(code for code in service.voca_items if code != item)
        )
        for service, (item, why) in _PRIMARY.items()
    },
    **{service: Placement(item=None, why=why) for service, why in _NOWHERE.items()},
}

FORM = GrantForm(
    slug="voca-sgr",
    title=_("VOCA Subgrantee Report"),
    funder=_("Office for Victims of Crime, through the state administering agency"),
    version="OMB 1121-0243",
    # from memory: the federal year in which these measures began
    effective=date(2015, 10, 1),
    verified=False,
    source="Programs that print the form, read in full; letters of Q5 and wording of Q7 from memory",
    periods=(PeriodKind.FEDERAL_QUARTER, PeriodKind.FEDERAL_YEAR),
    sections=SECTIONS,
    facts={
        "race": race_group,
        "gender": gender_group,
        "age": age_group,
        "crime": crime_types,
        "crimes_in_number": crime_types_in_number,
        "classification": special_classifications,
    },
    crosswalk=CROSSWALK,
)
