/// The stable name of a sort of diagnostic; a code is never used again for something else.
public enum DiagnosticCode: String, Hashable, Sendable, CaseIterable {
    case syntax = "C001"
    case encoding = "C002"
    case tab = "C003"
    case duplicateKey = "C004"
    case mergeKey = "C005"
    case nonStringKey = "C006"
    case unknownTag = "C007"
    case unknownAnchor = "C008"
    case tooLarge = "C009"
    case ambiguousScalar = "C010"
    case unknownKind = "C011"
    case unknownField = "C012"
    case missingField = "C013"
    case wrongType = "C014"
    case invalidValue = "C015"
    case invalidName = "C016"
    // C017 is retired: it named kinds that a version could not apply yet.
    case misplacedFile = "C018"
    case literalSecret = "C019"
    case duplicateSpec = "C020"
    case unknownReference = "C021"
    case conflictingFields = "C022"
    case unreadableFile = "C023"
    case allowWithoutReason = "C024"
    case unknownAllowCode = "C025"
    case allowedError = "C026"
    case unusedAllow = "C027"
    case tooManyFindings = "C028"
    case filterField = "C030"
    case filterOperator = "C031"
    case filterValue = "C032"
    case placeholder = "C040"
    case missingParameter = "C041"
    case superfluousParameter = "C042"
    case templateLimit = "C043"
    case messageShape = "C044"
    case tenantName = "C050"
    case timeZone = "C051"
    case quietHours = "C052"
    case duration = "C053"
    case localTime = "C054"
    case cronSyntax = "C055"
    case eitherDay = "C056"
    case emptyWindow = "C057"
    case neverFires = "C058"
    case expiredSchedule = "C059"
    case clockChange = "C060"
    case unknownEvent = "C061"
    case needlessCustom = "C062"
    case nulCharacter = "C063"
    case notScheduled = "C070"
    case notEventTriggered = "C071"
    case secondTrigger = "C072"
    case noSchedule = "C073"
    case noTrigger = "C074"
    case closedWindow = "C075"
    case unfillablePlaceholder = "C076"

    /// The severity of every diagnostic with this code.
    public var severity: Diagnostic.Severity {
        switch self {
        case .ambiguousScalar, .eitherDay, .expiredSchedule, .clockChange, .needlessCustom, .noSchedule, .noTrigger,
            .closedWindow, .unusedAllow, .tooManyFindings:
            .warning
        default: .error
        }
    }
}
