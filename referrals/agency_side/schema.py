"""The HMIS CSV files of FY2024 and FY2026 and the bundle's own files: columns, types, code lists, and what
may leave the agency. Facts only: reading is in `archive.py`, cleaning in `cells.py`, judging in `check.py`.

Every column has one `Handling`. The rule behind them: of a file about clients only ids (replaced), dates,
numbers and listed codes leave, never text, so a name typed into the wrong box can't leave either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

BUNDLE_FORMAT = "casehub-bundle/1"
VERSIONS = ("2024", "2026")


class Type(StrEnum):
    """What a cell of the column must look like."""

    ID = "id"
    DATE = "date"
    DATETIME = "datetime"
    INTEGER = "integer"
    MONEY = "money"
    YEAR = "year"
    CODE = "code"  # one of `Column.codes`
    TEXT = "text"
    SHAPED = "shaped"  # matches `Column.shape`; for values whose list the hub keeps, not this file


class Handling(StrEnum):
    """What happens to a column's values on their way into a bundle."""

    KEEP = "keep"
    ID = "id"  # replaced by a keyed hash
    DROP = "drop"  # an identifier: the column is absent from every bundle
    DROP_FOR_VSP = "drop_for_vsp"  # absent unless the organization is surely no victim service provider
    BAND = "band"  # a birth date: absent; an age band stands in its place
    FREE_TEXT = "free_text"  # a name can stand there: the column is kept, its values are withheld and counted
    BLUR = "blur"  # a time stamp that two organizations' bundles would share: replaced by the export's date


class Level(StrEnum):
    """How a file's rows find their organization."""

    EXPORT = "export"  # one row about the export
    ORGANIZATION = "organization"  # by OrganizationID
    PROJECT = "project"  # by ProjectID
    USER = "user"  # by being named in a row that stays
    CLIENT = "client"  # by having an enrollment at the organization
    ENROLLMENT = "enrollment"  # by EnrollmentID
    CASEHUB = "casehub"  # ours: by EnrollmentID; without one, only in a file of a single organization


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `required` means the format allows no blank."""

    name: str
    type: Type
    handling: Handling
    required: bool = False
    codes: frozenset[str] = frozenset()
    shape: re.Pattern[str] | None = None
    versions: tuple[str, ...] = VERSIONS

    @property
    def id_kind(self) -> str:
        """The kind of thing an id column names; ids of different kinds are hashed apart."""
        return "ProjectID" if self.name == "ResProjectID" else self.name


@dataclass(frozen=True, slots=True)
class File:
    """One CSV file, named without its `.csv`. `key` is the column that names a row."""

    name: str
    level: Level
    columns: tuple[Column, ...]

    @property
    def key(self) -> str:
        return self.columns[0].name

    @property
    def about_clients(self) -> bool:
        """Whether its rows describe clients (then no text of it leaves)."""
        return self.level in (Level.CLIENT, Level.ENROLLMENT, Level.CASEHUB)

    def of_version(self, version: str) -> tuple[Column, ...]:
        """The columns of `version` ("2024" or "2026"), in the format's order."""
        return tuple(c for c in self.columns if version in c.versions)

    def column(self, name: str) -> Column:
        """The column of that exact name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")


# --- Code lists -------------------------------------------------------------------------------------------
# HMIS Data Standards, CSV specifications FY2024 and FY2026; where the two differ, both years' codes pass.

_SITUATION = "8 9 99 101 116 118 204 205 206 207 215 225 302 314 329 332 410 411 421 435"

CODES: Mapping[str, frozenset[str]] = {
    name: frozenset(values.split())
    for name, values in {
        "ExportPeriodType": "1 3 4",
        "ExportDirective": "1 2 3",
        "HashStatus": "1 2 3 4",
        "SourceType": "1 2 3 4",
        "NoYes": "0 1",
        "NoYesMissing": "0 1 99",
        "NoYesReasons": "0 1 8 9 99",
        "RaceNone": "8 9 99",
        "Sex": "0 1 8 9 99",
        "DataQuality": "1 2 8 9 99",
        "ProjectType": "0 1 2 3 4 6 7 8 9 10 11 12 13 14",
        "HousingType": "1 2 3",
        "RRHSubType": "1 2",
        "TargetPopulation": "1 3 4",
        "HOPWAMedAssistedLivingFac": "0 1 2",
        "GeographyType": "1 2 3 99",
        "Funder": " ".join(str(n) for n in (*range(1, 28), 30, *range(32, 57))),
        "HouseholdType": "1 3 4",
        "Availability": "1 2 3",
        "BedType": "1 2 3",
        "ParticipationType": "0 1 2",
        "Relationship": "1 2 3 4 5 99",
        "PriorSituation": f"{_SITUATION} 335 336",
        "CurrentSituation": f"{_SITUATION} 17 37 335 336",
        "Destination": f"{_SITUATION} 17 24 30 312 313 327 422 423 426",
        "RentalSubsidy": "419 420 428 431 433 434 436 437 438 439 440",
        "LengthOfStay": "2 3 4 5 8 9 10 11 99",
        "TimesHomeless": "1 2 3 4 8 9 99",
        "MonthsHomeless": "8 9 99 101 102 103 104 105 106 107 108 109 110 111 112 113",
        "ReasonNotEnrolled": "1 2 3",
        "PercentAMI": "1 2 3 4 99",
        "ReferralSource": "1 2 7 8 9 11 18 28 30 34 35 37 38 39 99",
        "ReasonNoServices": "1 2 3 4 99",
        "Consultation": "1 2 3 4",
        "YearsInCare": "1 2 3 99",
        "SexualOrientation": "1 2 3 4 5 6 8 9 99",
        "NoPointsYes": "0 1 99",
        "TimeToHousingLoss": "0 1 2 3 99",
        "Count012": "0 1 2 99",
        "HousingAssessment": "1 2 3 4 5 6 7 8 9 10 99",
        "SubsidyInformation": "1 2 3 4 11 12",
        "CompletionStatus": "1 2 3",
        "EarlyExitReason": "1 2 3 4 5 6",
        "CountOfExchange": "1 2 3 4 8 9 99",
        "WorkerResponse": "0 1 2",
        "Aftercare": "0 1 9",
        "CMExitReason": "1 2 3 4 5 6 7 8 9 10 11 12 13",
        "RecordType": "141 142 143 144 151 152 161 200 210 300",
        "ReferralOutcome": "1 2 3",
        "Event": " ".join(str(n) for n in range(1, 19)),
        "ReferralResult": "1 2 3",
        "AssessmentType": "1 2 3",
        "AssessmentLevel": "1 2",
        "PrioritizationStatus": "1 2",
        "WhenOccurred": "1 2 3 4 8 9 99",
        "HealthStatus": "1 2 3 4 5 8 9 99",
        "DataCollectionStage": "1 2 3 5 6",
        "NotInsured": "1 2 3 4 8 9 99",
        "DisabilityType": "5 6 7 8 9 10",
        "DisabilityResponse": "0 1 2 3 8 9 99",
        "ViralLoadAvailable": "0 1 2 8 9 99",
        "LabSource": "1 2 3",
        "LastGrade": "1 2 3 4 5 6 7 8 9 10 11 12 13 14 99",
        "SchoolStatus": "1 2 3 4 5 6 7 8 9 99",
        "EmploymentType": "1 2 3 99",
        "NotEmployedReason": "1 2 3 99",
        "SchoolAttend": "0 1 2 8 9 99",
        "MostRecentEd": "0 1 2 3 4 5 6 7 8 9 99",
        "CurrentEd": "0 1 2 3 4 8 9 99",
        "AgeBand": "0_12 13_17 18_24 25_59 60_over not_asked declined unknown",
        "MilitaryBranch": "1 2 3 4 6 7 8 9 99",
        "DischargeStatus": "1 2 4 5 6 7 8 9 99",
    }.items()
}

TYPE_PROVIDED: Mapping[str, frozenset[str]] = {
    record_type: frozenset(values.split())
    for record_type, values in {
        "141": "1 2 3 4 5 6 7 8 9 10 11 12 14",
        "142": "2 5 6 7 8 10 12 13 14 17 18 26 27 28 29",
        "143": "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
        "144": "1 2 3 4 5 6 7 8 9 10",
        "151": "1 2 3 4 7",
        "152": "1 2 3 4 5 8 9 10 11 12 14 15 16 17 18",
        "161": "1 2 3 4 5 6 7 8 9 10 11",
        "200": "200",
        "210": "1 2 3 4 5 6 7 8 9 10 11 12",
        "300": "1 2 3 4 5",
    }.items()
}
"""What Services.TypeProvided may be, for each RecordType."""

SHAPES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "coc": r"[A-Z]{2}-\d{3}[A-Za-z]?",
        "station": r"\d{3}[A-Z0-9]{0,3}",
        # No four digits in a row: no phone, Social Security or A-number is a word or a list of words.
        "word": r"(?!.*\d{4})[a-z][a-z0-9_]{0,49}",
        "words": r"(?!.*\d{4})[a-z][a-z0-9_]{0,49}(?:;[a-z][a-z0-9_]{0,49}){0,39}",
        # No word, which could be a name, and too short for a number that is somebody's.
        "version": r"v?(?:\d{1,3}(?:\.\d{1,2}){0,2}|20\d\d(?:[.-]\d{1,2})?)[a-z]?",
        "language": r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}",
    }.items()
}

# --- The files --------------------------------------------------------------------------------------------
# Name, `*` where the format allows no blank, `:` type (lower case), shape or code list (capital; default
# text), `!` handling, `@` the one version that has it.

_TAIL = "DateCreated*:datetime DateUpdated*:datetime UserID*:id DateDeleted:datetime ExportID*:id"
_STAY = "EnrollmentID*:id PersonalID*:id"
_ASKED_AT = "InformationDate*:date"
_STAMPS = "DateCreated:datetime DateUpdated:datetime"

_FILES: Mapping[str, tuple[Level, str]] = {
    "Export": (
        Level.EXPORT,
        """ExportID*:id SourceType*:SourceType SourceID SourceName SourceContactFirst!drop
        SourceContactLast!drop SourceContactPhone!drop SourceContactExtension!drop SourceContactEmail!drop
        ExportDate*:datetime ExportStartDate*:date ExportEndDate*:date SoftwareName SoftwareVersion
        CSVVersion* ExportPeriodType*:ExportPeriodType ExportDirective*:ExportDirective
        HashStatus*:HashStatus ImplementationID*""",
    ),
    "Organization": (
        Level.ORGANIZATION,
        f"OrganizationID*:id OrganizationName* VictimServiceProvider*:NoYes OrganizationCommonName {_TAIL}",
    ),
    "User": (
        Level.USER,
        """UserID*:id UserFirstName!drop UserLastName!drop UserPhone!drop UserExtension!drop UserEmail!drop
        DateCreated*:datetime DateUpdated*:datetime DateDeleted:datetime ExportID*:id""",
    ),
    "Project": (
        Level.PROJECT,
        f"""ProjectID*:id OrganizationID*:id ProjectName* ProjectCommonName OperatingStartDate*:date
        OperatingEndDate:date ContinuumProject*:NoYes ProjectType:ProjectType HousingType:HousingType
        RRHSubType:RRHSubType ResidentialAffiliation:NoYes TargetPopulation:TargetPopulation
        HOPWAMedAssistedLivingFac:HOPWAMedAssistedLivingFac PITCount:integer {_TAIL}""",
    ),
    "ProjectCoC": (
        Level.PROJECT,
        f"""ProjectCoCID*:id ProjectID*:id CoCCode*:coc Geocode!drop_for_vsp Address1!drop Address2!drop
        City!drop_for_vsp State ZIP!drop GeographyType:GeographyType {_TAIL}""",
    ),
    "Funder": (
        Level.PROJECT,
        f"FunderID*:id ProjectID*:id Funder*:Funder OtherFunder GrantID StartDate*:date EndDate:date {_TAIL}",
    ),
    "Inventory": (
        Level.PROJECT,
        f"""InventoryID*:id ProjectID*:id CoCCode:coc HouseholdType*:HouseholdType Availability:Availability
        UnitInventory*:integer BedInventory*:integer CHVetBedInventory:integer YouthVetBedInventory:integer
        VetBedInventory:integer CHYouthBedInventory:integer YouthBedInventory:integer CHBedInventory:integer
        OtherBedInventory:integer ESBedType:BedType InventoryStartDate*:date InventoryEndDate:date {_TAIL}""",
    ),
    "HMISParticipation": (
        Level.PROJECT,
        f"""HMISParticipationID*:id ProjectID*:id HMISParticipationType*:ParticipationType
        HMISParticipationStatusStartDate*:date HMISParticipationStatusEndDate:date {_TAIL}""",
    ),
    "CEParticipation": (
        Level.PROJECT,
        f"""CEParticipationID*:id ProjectID*:id AccessPoint*:NoYes PreventionAssessment:NoYes
        CrisisAssessment:NoYes HousingAssessment:NoYes DirectServices:NoYes ReceivesReferrals*:NoYes
        CEParticipationStatusStartDate*:date CEParticipationStatusEndDate:date {_TAIL}""",
    ),
    "Affiliation": (
        Level.PROJECT,
        f"AffiliationID*:id ProjectID*:id ResProjectID*:id {_TAIL}",
    ),
    "Client": (
        Level.CLIENT,
        """PersonalID*:id FirstName!drop MiddleName!drop LastName!drop NameSuffix!drop
        NameDataQuality*:DataQuality SSN!drop SSNDataQuality*:DataQuality DOB:date!band
        DOBDataQuality*:DataQuality Sex:Sex@2026 AmIndAKNative*:NoYesMissing Asian*:NoYesMissing
        BlackAfAmerican*:NoYesMissing HispanicLatinao*:NoYesMissing@2026 HispanicLatinaeo*:NoYesMissing@2024
        MidEastNAfrican*:NoYesMissing NativeHIPacific*:NoYesMissing White*:NoYesMissing RaceNone:RaceNone
        AdditionalRaceEthnicity Woman:NoYesMissing@2024 Man:NoYesMissing@2024 NonBinary:NoYesMissing@2024
        CulturallySpecific:NoYesMissing@2024 Transgender:NoYesMissing@2024 Questioning:NoYesMissing@2024
        DifferentIdentity:NoYesMissing@2024 GenderNone:RaceNone@2024 DifferentIdentityText@2024
        VeteranStatus*:NoYesReasons YearEnteredService:year YearSeparated:year WorldWarII:NoYesReasons
        KoreanWar:NoYesReasons VietnamWar:NoYesReasons DesertStorm:NoYesReasons AfghanistanOEF:NoYesReasons
        IraqOIF:NoYesReasons IraqOND:NoYesReasons OtherTheater:NoYesReasons MilitaryBranch:MilitaryBranch
        DischargeStatus:DischargeStatus DateCreated*:datetime!blur DateUpdated*:datetime!blur UserID*:id
        DateDeleted:datetime!blur ExportID*:id""",
    ),
    "Enrollment": (
        Level.ENROLLMENT,
        f"""{_STAY} ProjectID*:id EntryDate*:date HouseholdID*:id RelationshipToHoH*:Relationship
        EnrollmentCoC:coc LivingSituation:PriorSituation RentalSubsidyType:RentalSubsidy
        LengthOfStay:LengthOfStay LOSUnderThreshold:NoYes PreviousStreetESSH:NoYes DateToStreetESSH:date
        TimesHomelessPastThreeYears:TimesHomeless MonthsHomelessPastThreeYears:MonthsHomeless
        DisablingCondition*:NoYesReasons DateOfEngagement:date MoveInDate:date DateOfPATHStatus:date
        ClientEnrolledInPATH:NoYes ReasonNotEnrolled:ReasonNotEnrolled PercentAMI:PercentAMI
        ReferralSource:ReferralSource CountOutreachReferralApproaches:integer DateOfBCPStatus:date
        EligibleForRHY:NoYes ReasonNoServices:ReasonNoServices RunawayYouth:NoYesReasons
        SexualOrientation:SexualOrientation@2024 SexualOrientationOther@2024
        MentalHealthConsultation:Consultation@2026 FormerWardChildWelfare:NoYesReasons
        ChildWelfareYears:YearsInCare ChildWelfareMonths:integer FormerWardJuvenileJustice:NoYesReasons
        JuvenileJusticeYears:YearsInCare JuvenileJusticeMonths:integer UnemploymentFam:NoYesMissing
        MentalHealthDisorderFam:NoYesMissing PhysicalDisabilityFam:NoYesMissing
        AlcoholDrugUseDisorderFam:NoYesMissing InsufficientIncome:NoYesMissing IncarceratedParent:NoYesMissing
        VAMCStation:station TargetScreenReqd:NoYes TimeToHousingLoss:TimeToHousingLoss
        AnnualPercentAMI:TimeToHousingLoss LiteralHomelessHistory:Count012 ClientLeaseholder:NoPointsYes
        HOHLeaseholder:NoPointsYes SubsidyAtRisk:NoPointsYes EvictionHistory:Count012
        CriminalRecord:NoPointsYes IncarceratedAdult:Count012 PrisonDischarge:NoPointsYes
        SexOffender:NoPointsYes DisabledHoH:NoPointsYes CurrentPregnant:NoPointsYes SingleParent:NoPointsYes
        DependentUnder6:Count012 HH5Plus:NoPointsYes CoCPrioritized:NoPointsYes HPScreeningScore:integer
        ThresholdScore:integer TranslationNeeded:NoYesReasons@2024 PreferredLanguage:integer@2024
        PreferredLanguageDifferent@2024 {_TAIL}""",
    ),
    "Exit": (
        Level.ENROLLMENT,
        f"""ExitID*:id {_STAY} ExitDate*:date Destination*:Destination DestinationSubsidyType:RentalSubsidy
        OtherDestination HousingAssessment:HousingAssessment SubsidyInformation:SubsidyInformation
        ProjectCompletionStatus:CompletionStatus EarlyExitReason:EarlyExitReason ExchangeForSex:NoYesReasons
        ExchangeForSexPastThreeMonths:NoYesReasons CountOfExchangeForSex:CountOfExchange
        AskedOrForcedToExchangeForSex:NoYesReasons AskedOrForcedToExchangeForSexPastThreeMonths:NoYesReasons
        WorkplaceViolenceThreats:NoYesReasons WorkplacePromiseDifference:NoYesReasons
        CoercedToContinueWork:NoYesReasons LaborExploitPastThreeMonths:NoYesReasons
        CounselingReceived:NoYesReasons IndividualCounseling:NoYesMissing FamilyCounseling:NoYesMissing
        GroupCounseling:NoYesMissing SessionCountAtExit:integer PostExitCounselingPlan:NoYesReasons
        SessionsInPlan:integer DestinationSafeClient:NoYesReasons DestinationSafeWorker:WorkerResponse
        PosAdultConnections:WorkerResponse PosPeerConnections:WorkerResponse
        PosCommunityConnections:WorkerResponse AftercareDate:date AftercareProvided:Aftercare
        EmailSocialMedia:NoYes Telephone:NoYes InPersonIndividual:NoYes InPersonGroup:NoYes
        CMExitReason:CMExitReason {_TAIL}""",
    ),
    "Services": (
        Level.ENROLLMENT,
        f"""ServicesID*:id {_STAY} DateProvided*:date RecordType*:RecordType TypeProvided*:integer
        OtherTypeProvided MovingOnOtherType SubTypeProvided:integer FAAmount:money FAStartDate:date
        FAEndDate:date ReferralOutcome:ReferralOutcome {_TAIL}""",
    ),
    "Event": (
        Level.ENROLLMENT,
        f"""EventID*:id {_STAY} EventDate*:date Event*:Event ProbSolDivRRResult:NoYes
        ReferralCaseManageAfter:NoYes LocationCrisisOrPHHousing ReferralResult:ReferralResult ResultDate:date
        {_TAIL}""",
    ),
    "Assessment": (
        Level.ENROLLMENT,
        f"""AssessmentID*:id {_STAY} AssessmentDate*:date AssessmentLocation AssessmentType:AssessmentType
        AssessmentLevel:AssessmentLevel PrioritizationStatus:PrioritizationStatus {_TAIL}""",
    ),
    "AssessmentQuestions": (
        Level.ENROLLMENT,
        f"""AssessmentQuestionID*:id AssessmentID*:id {_STAY} AssessmentQuestionGroup
        AssessmentQuestionOrder:integer AssessmentQuestion* AssessmentAnswer {_TAIL}""",
    ),
    "AssessmentResults": (
        Level.ENROLLMENT,
        f"""AssessmentResultID*:id AssessmentID*:id {_STAY} AssessmentResultType* AssessmentResult
        {_TAIL}""",
    ),
    "CurrentLivingSituation": (
        Level.ENROLLMENT,
        f"""CurrentLivingSitID*:id {_STAY} {_ASKED_AT} CurrentLivingSituation*:CurrentSituation
        CLSSubsidyType:RentalSubsidy VerifiedBy LeaveSituation14Days:NoYesReasons
        SubsequentResidence:NoYesReasons ResourcesToObtain:NoYesReasons LeaseOwn60Day:NoYesReasons
        MovedTwoOrMore:NoYesReasons LocationDetails {_TAIL}""",
    ),
    "HealthAndDV": (
        Level.ENROLLMENT,
        f"""HealthAndDVID*:id {_STAY} {_ASKED_AT} DomesticViolenceSurvivor:NoYesReasons
        WhenOccurred:WhenOccurred CurrentlyFleeing:NoYesReasons GeneralHealthStatus:HealthStatus
        DentalHealthStatus:HealthStatus MentalHealthStatus:HealthStatus PregnancyStatus:NoYesReasons
        DueDate:date DataCollectionStage*:DataCollectionStage {_TAIL}""",
    ),
    "IncomeBenefits": (
        Level.ENROLLMENT,
        f"""IncomeBenefitsID*:id {_STAY} {_ASKED_AT} IncomeFromAnySource:NoYesReasons
        TotalMonthlyIncome:money Earned:NoYesMissing EarnedAmount:money Unemployment:NoYesMissing
        UnemploymentAmount:money SSI:NoYesMissing SSIAmount:money SSDI:NoYesMissing SSDIAmount:money
        VADisabilityService:NoYesMissing VADisabilityServiceAmount:money VADisabilityNonService:NoYesMissing
        VADisabilityNonServiceAmount:money PrivateDisability:NoYesMissing PrivateDisabilityAmount:money
        WorkersComp:NoYesMissing WorkersCompAmount:money TANF:NoYesMissing TANFAmount:money GA:NoYesMissing
        GAAmount:money SocSecRetirement:NoYesMissing SocSecRetirementAmount:money Pension:NoYesMissing
        PensionAmount:money ChildSupport:NoYesMissing ChildSupportAmount:money Alimony:NoYesMissing
        AlimonyAmount:money OtherIncomeSource:NoYesMissing OtherIncomeAmount:money OtherIncomeSourceIdentify
        BenefitsFromAnySource:NoYesReasons SNAP:NoYesMissing WIC:NoYesMissing TANFChildCare:NoYesMissing
        TANFTransportation:NoYesMissing OtherTANF:NoYesMissing OtherBenefitsSource:NoYesMissing
        OtherBenefitsSourceIdentify InsuranceFromAnySource:NoYesReasons Medicaid:NoYesMissing
        NoMedicaidReason:NotInsured Medicare:NoYesMissing NoMedicareReason:NotInsured SCHIP:NoYesMissing
        NoSCHIPReason:NotInsured VHAServices:NoYesMissing NoVHAReason:NotInsured EmployerProvided:NoYesMissing
        NoEmployerProvidedReason:NotInsured COBRA:NoYesMissing NoCOBRAReason:NotInsured
        PrivatePay:NoYesMissing NoPrivatePayReason:NotInsured StateHealthIns:NoYesMissing
        NoStateHealthInsReason:NotInsured IndianHealthServices:NoYesMissing
        NoIndianHealthServicesReason:NotInsured OtherInsurance:NoYesMissing OtherInsuranceIdentify
        ADAP:NoYesReasons NoADAPReason:NotInsured RyanWhiteMedDent:NoYesReasons NoRyanWhiteReason:NotInsured
        ConnectionWithSOAR:NoYesReasons DataCollectionStage*:DataCollectionStage {_TAIL}""",
    ),
    "Disabilities": (
        Level.ENROLLMENT,
        f"""DisabilitiesID*:id {_STAY} {_ASKED_AT} DisabilityType*:DisabilityType
        DisabilityResponse*:DisabilityResponse IndefiniteAndImpairs:NoYesReasons
        TCellCountAvailable:NoYesReasons TcellCount:integer TcellSource:LabSource
        ViralLoadAvailable:ViralLoadAvailable ViralLoad:integer ViralLoadSource:LabSource
        AntiRetroviral:NoYesReasons DataCollectionStage*:DataCollectionStage {_TAIL}""",
    ),
    "EmploymentEducation": (
        Level.ENROLLMENT,
        f"""EmploymentEducationID*:id {_STAY} {_ASKED_AT} LastGradeCompleted:LastGrade
        SchoolStatus:SchoolStatus Employed:NoYesReasons EmploymentType:EmploymentType
        NotEmployedReason:NotEmployedReason DataCollectionStage*:DataCollectionStage {_TAIL}""",
    ),
    "YouthEducationStatus": (
        Level.ENROLLMENT,
        f"""YouthEducationStatusID*:id {_STAY} {_ASKED_AT} CurrentSchoolAttend:SchoolAttend
        MostRecentEdStatus:MostRecentEd CurrentEdStatus:CurrentEd DataCollectionStage*:DataCollectionStage
        {_TAIL}""",
    ),
    "Touchpoint": (
        Level.CASEHUB,
        f"""TouchpointID*:id PersonalID:id EnrollmentID:id OccurredOn*:date Sector*:word Kind*:word
        Given:words TraffickingStatus:word StatusDecidedBy:word TraffickingType:word AgeBand:AgeBand
        County:word
        {_STAMPS}""",
    ),
    "Screening": (
        Level.CASEHUB,
        f"""ScreeningID*:id PersonalID:id EnrollmentID:id ScreenedOn*:date Tool*:word ToolVersion:version
        Language:language Result*:word SexAsked:word LaborAsked:word {_STAMPS}""",
    ),
    "Referral": (
        Level.CASEHUB,
        f"""ReferralID*:id PersonalID:id EnrollmentID:id SentOn*:date Needed*:words ReceiverSector:word
        Outcome:word OutcomeOn:date DeclineReason:word {_STAMPS}""",
    ),
}


def _column(spec: str, *, about_clients: bool) -> Column:
    match = re.fullmatch(r"(\w+)(\*?)(?::(\w+))?(?:!(\w+))?(?:@(\d+))?", spec)
    if match is None:
        raise ValueError(f"not a column: {spec}")
    name, required, kind, handling, version = match.groups()
    column_type, codes, shape = Type.TEXT, frozenset[str](), None
    if kind in SHAPES:
        column_type, shape = Type.SHAPED, SHAPES[kind]
    elif kind in CODES:
        column_type, codes = Type.CODE, CODES[kind]
    elif kind:
        column_type = Type(kind)
    if handling:
        handled = Handling(handling)
    elif column_type is Type.ID:
        handled = Handling.ID
    else:
        handled = Handling.FREE_TEXT if about_clients and column_type is Type.TEXT else Handling.KEEP
    return Column(
        name=name,
        type=column_type,
        handling=handled,
        required=bool(required),
        codes=codes,
        shape=shape,
        versions=(version,) if version else VERSIONS,
    )


def _file(name: str, level: Level, columns: str) -> File:
    about_clients = level in (Level.CLIENT, Level.ENROLLMENT, Level.CASEHUB)
    return File(name, level, tuple(_column(spec, about_clients=about_clients) for spec in columns.split()))


FILES: Mapping[str, File] = {name: _file(name, level, columns) for name, (level, columns) in _FILES.items()}
"""Every file a bundle may carry: the 24 of HMIS CSV, then ours."""

HMIS_FILES = tuple(name for name, file in FILES.items() if file.level is not Level.CASEHUB)
CASEHUB_FILES = tuple(name for name, file in FILES.items() if file.level is Level.CASEHUB)

ALIASES: Mapping[str, str] = {
    "hispaniclatinaeo": "HispanicLatinao",
    "hispaniclatinao": "HispanicLatinaeo",
    "domesticviolencevictim": "DomesticViolenceSurvivor",
}
"""Other years' names of a column, in lower case; used only where the file's own year has no such column."""

AGE_BANDS = (("0_12", 0), ("13_17", 13), ("18_24", 18), ("25_59", 25), ("60_over", 60))
"""VOCA's age bands, under the hub's names for them, with their first year of age; blank means unknown."""

IDENTIFIERS: frozenset[tuple[str, str]] = frozenset(
    (file.name, column.name)
    for file in FILES.values()
    for column in file.columns
    if column.handling in (Handling.DROP, Handling.BAND)
)
"""(file, column) pairs no bundle may hold. The hub refuses a file that has one with a value."""


def bundle_header(name: str, *, version: str, victim_service_provider: bool, report: bool) -> tuple[str, ...]:
    """The exact header of a bundle's file. `report` says whether a report period was given to the tool.

    Client carries `AgeBand` where DOB stood; Enrollment ends with `AgeBandAtEntry` and, with `report`,
    `AgeAtEntry` and `AgeInPeriod` (whole years).
    """
    gone = {Handling.DROP} | ({Handling.DROP_FOR_VSP} if victim_service_provider else set())
    header = [
        "AgeBand" if column.handling is Handling.BAND else column.name
        for column in FILES[name].of_version(version)
        if column.handling not in gone
    ]
    if name == "Enrollment":
        header += ["AgeBandAtEntry"] + (["AgeAtEntry", "AgeInPeriod"] if report else [])
    return tuple(header)
