import JSON

/// A template as the account keeps it, in one language.
struct StoredTemplate: Sendable {
    static let categories = ["AUTHENTICATION", "MARKETING", "UTILITY"]

    /// A change that comes by itself at a time, unless the template changes before.
    enum Pending: Sendable {
        case review(ManagementSettings.Decision)
        case recategorisation(String)
        case endOfPause
    }

    let id: Int
    let account: String
    let name: String
    let language: String
    var category: String
    var components: [JSONValue]
    var parameterFormat = "POSITIONAL"
    var ttl: Int?
    var status = "PENDING"
    /// `nil` while it is being deleted.
    var rejectedReason: String? = "NONE"
    var previousCategory: String?
    var correctCategory: String?
    var quality = "UNKNOWN"
    /// The time of the last quality, in milliseconds.
    var qualityTime: Int64
    var creativeFeatures: JSONValue?
    var tracksNoLinks: Bool?
    /// The status to which it returns from the archive.
    var archivedStatus: String?
    /// True if it can be sent during the review of an edit.
    var staysSendable = false
    /// The times of edits while it was approved.
    var edits = MovingCount()
    /// Counts changes, so that a change that was planned before does nothing.
    var revision: UInt64 = 0
    var pending: Pending?

    /// Its name and language.
    var key: String { Self.key(name, language) }

    static func key(_ name: String, _ language: String) -> String { "\(name) \(language)" }

    /// Makes the JSON of a read, with the fields asked for, or all that have a value; `mediaURL` returns the present
    /// address of the file behind a handle.
    func json(fields: [String]?, mediaURL: (String) -> String) -> JSONValue {
        var all: [String: JSONValue] = [
            "id": .string("\(id)"), "name": .string(name), "language": .string(language), "status": .string(status),
            "category": .string(category), "parameter_format": .string(parameterFormat),
            "components": .array(components.map { TemplateView.component($0, mediaURL: mediaURL) }),
            "quality_score": ["score": .string(quality), "date": .integer(Int(qualityTime / 1_000))],
        ]
        all["rejected_reason"] = rejectedReason.map(JSONValue.string)
        all["previous_category"] = previousCategory.map(JSONValue.string)
        all["correct_category"] = correctCategory.map(JSONValue.string)
        all["message_send_ttl_seconds"] = ttl.map(JSONValue.integer)
        all["cta_url_link_tracking_opted_out"] = tracksNoLinks.map(JSONValue.bool)
        all["degrees_of_freedom_spec"] = creativeFeatures.map { ["creative_features_spec": $0] }
        if fields?.contains("health_status") == true { all["health_status"] = health }
        guard let fields else { return .object(all) }
        return .object(all.filter { $0.key == "id" || fields.contains($0.key) })
    }

    /// The node of a health status.
    var health: JSONValue {
        let isFine = status == "APPROVED"
        var node: [String: JSONValue] = [
            "entity_type": "MESSAGE_TEMPLATE", "id": .string("\(id)"),
            "can_send_message": isFine ? "AVAILABLE" : "BLOCKED",
        ]
        if !isFine {
            node["errors"] = [
                [
                    "error_code": 141_002, "error_description": "The template is not approved.",
                    "possible_solution": "Wait for its approval, or edit it.",
                ]
            ]
        }
        return ["can_send_message": isFine ? "AVAILABLE" : "BLOCKED", "entities": [.object(node)]]
    }
}

extension StoredTemplate {
    /// The rule by which messages are checked; `nil` if it has parts that the rule cannot tell.
    var rule: SimulatorRules.Template? {
        var rule = SimulatorRules.Template(name: name, language: language)
        rule.category = category
        rule.status = status == "PENDING" && staysSendable ? "APPROVED" : status
        guard rule.status == "APPROVED" else { return rule }
        for component in components {
            switch component["type"]?.stringValue {
            case "HEADER":
                guard let header = Self.header(component) else { return nil }
                rule.header = header
            case "BODY": rule.parameters = Self.parameters(of: component, category: category)
            case "BUTTONS": rule.buttons = (component["buttons"]?.arrayValue ?? []).map(Self.button)
            case "FOOTER", "CALL_PERMISSION_REQUEST": break
            default: return nil
            }
        }
        return rule
    }

    /// Returns the header that needs a parameter; `nil` for a kind that the rule does not know.
    private static func header(_ component: JSONValue) -> SimulatorRules.Template.Header?? {
        switch component["format"]?.stringValue {
        case "TEXT":
            .some(TemplateText(component["text"]?.stringValue ?? "").variables.isEmpty ? nil : .text)
        case "IMAGE": .some(.image)
        case "VIDEO", "GIF": .some(.video)
        case "DOCUMENT": .some(.document)
        case "PRODUCT": .some(.product)
        default: nil
        }
    }

    private static func parameters(of body: JSONValue, category: String) -> [String] {
        guard category != "AUTHENTICATION" else { return ["1"] }
        var names: [String] = []
        for name in TemplateText(body["text"]?.stringValue ?? "").variables where !names.contains(name) {
            names.append(name)
        }
        return names
    }

    /// Returns the kind of a button, in the words of ``SimulatorRules``.
    private static func button(_ button: JSONValue) -> String {
        switch button["type"]?.stringValue {
        case "URL":
            TemplateText(button["url"]?.stringValue ?? "").variables.isEmpty ? "static_url" : "url"
        case "OTP": "url"
        case let other: other?.lowercased() ?? ""
        }
    }
}

/// The text of a template, with its variables.
struct TemplateText: Sendable {
    let text: String
    /// The names of the variables in their order, with repetitions.
    private(set) var variables: [String] = []
    /// The texts between the variables: one more than there are variables.
    private(set) var pieces: [Substring] = []

    init(_ text: String) {
        self.text = text
        var rest = text[...]
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            variables.append(rest[open.upperBound..<close.lowerBound].filter { $0 != " " })
            pieces.append(rest[..<open.lowerBound])
            rest = rest[close.upperBound...]
        }
        pieces.append(rest)
    }

    /// The number of words outside of variables.
    var wordCount: Int {
        pieces.reduce(0) { count, piece in
            count + piece.split(whereSeparator: \.isWhitespace).count { $0.contains { $0.isLetter || $0.isNumber } }
        }
    }

    /// True if a variable is the first or the last thing, whatever punctuation stands around it.
    var beginsOrEndsWithVariable: Bool {
        guard !variables.isEmpty, let first = pieces.first, let last = pieces.last else { return false }
        return !Self.hasWord(first) || !Self.hasWord(last)
    }

    /// True if nothing but space is between two variables.
    var hasAdjacentVariables: Bool { pieces.dropFirst().dropLast().contains { !$0.contains { !$0.isWhitespace } } }

    /// Returns true if there is more than space and punctuation; emoji count as words.
    private static func hasWord(_ piece: Substring) -> Bool {
        piece.contains { $0.isLetter || $0.isNumber || !$0.isASCII }
    }
}
