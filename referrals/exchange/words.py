"""What people write in their spreadsheets for our lists' values, beside those values and labels.
Data only; reading is in `sheet`.
"""

from collections.abc import Mapping

SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "Gender": {
        "female": "f, woman, girl, fem, mujer",
        "male": "m, man, boy, hombre",
        "transgender": "trans, tg, mtf, ftm",
        "other": "nonbinary, non binary, nb, x",
    },
    "TraffickingType": {
        "sex": "sex trafficking, s, st, sexual, cse, csec, sexual exploitation",
        "labor": "labour, l, lt, labor trafficking, forced labor, work",
        "sex_and_labor": "both, sex labor, labor sex, sex and labor, sl",
        "uncertain": "unclear, unsure, not sure",
    },
    "TraffickingStatus": {
        "actual": "confirmed, yes, y, identified, trafficked, victim, survivor",
        "possible": "potential, suspected, at risk, likely, maybe, not confirmed",
        "not_trafficked": "no, n, not a victim",
    },
    "StatusDecidedBy": {
        "ngo": "agency, us, case manager, provider",
        "self_identified": "self, client",
        "police": "le, law enforcement",
        "court_or_prosecution": "court, da",
        "other_government": "hhs",
    },
    "ReferralSource": {
        "other_hotline": "hotline",
        "national_hotline": "nhth, polaris",
        "law_enforcement": "police, le, law enforcement",
        "child_welfare": "cps, dcf, dcfs",
        "health_care": "hospital",
        "temporary_shelter": "shelter",
        "family_or_friend": "family, friend",
        "faith_based": "church",
        "attorney": "lawyer",
        "prosecutor_or_court": "court",
        "self": "self referral, walk in",
    },
    "ScreeningResult": {
        "indicators_present": "positive, yes, high",
        "some_indicators": "some, medium",
        "no_indicators_today": "negative, no, low",
        "stopped": "incomplete",
    },
    "Services": {
        "shel_em": "shelter, emergency shelter",
        "shel_tr": "housing, transitional",
        "cm": "case management, case mgmt",
        "mh_lt": "counseling, therapy, mental health",
        "legal_civ": "legal",
        "legal_imm": "immigration",
        "tvisa": "t visa",
        "med_lt": "medical, health",
        "basic": "food, clothing, clothes, hygiene",
        "transp": "transport, transportation, rides",
        "empl": "employment, job, job help",
        "edu": "education, esl, ged",
        "safety": "safety plan, safety planning",
        "vadv": "advocacy",
        "crisis": "crisis intervention",
        "sud": "substance use",
        "interp": "interpreter",
        "child": "childcare, child care",
        "fin": "financial, rent",
        "group": "support group",
        "followup": "follow up",
        "info_ref": "information, referral",
        "life": "life skills",
    },
}
"""By field: a value of its list, and what else people write for it."""
