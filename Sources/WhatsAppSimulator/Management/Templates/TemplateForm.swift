import JSON

/// The fields of a request that creates or edits a template, checked as the real service checks them at once.
struct TemplateForm: Sendable {
    let category: String
    let components: [JSONValue]
    let parameterFormat: String
    let ttl: Int?
    let creativeFeatures: JSONValue?

    /// Checks a request; the `former` template, which is edited, has what the request leaves out.
    init(
        _ call: ManagementCall,
        former: StoredTemplate? = nil,
        wordsPerVariable: Double,
        isHandle: @escaping (String) -> Bool
    ) throws(GraphError) {
        guard let category = call.text("category")?.uppercased() ?? former?.category else {
            throw .argument("The parameter category is required.")
        }
        guard StoredTemplate.categories.contains(category) else {
            throw .argument("category must be one of \(StoredTemplate.categories.joined(separator: ", ")).")
        }
        let format = call.text("parameter_format")?.uppercased() ?? former?.parameterFormat ?? "POSITIONAL"
        guard ["NAMED", "POSITIONAL"].contains(format) else {
            throw .argument("parameter_format must be NAMED or POSITIONAL.")
        }
        let given = call["components"]?.arrayValue
        guard let components = given.map(TemplateView.normalised) ?? former?.components else {
            throw .argument("The parameter components is required.")
        }
        if given != nil {
            let check = ComponentCheck(
                category: category,
                isNamed: format == "NAMED",
                wordsPerVariable: wordsPerVariable,
                isHandle: isHandle
            )
            try check.check(components)
        }
        if let ttl = call["message_send_ttl_seconds"]?.wholeNumber { try Self.check(ttl: ttl, category) }
        self.category = category
        self.components = components
        parameterFormat = format
        ttl = call["message_send_ttl_seconds"]?.wholeNumber ?? former?.ttl
        creativeFeatures = call["degrees_of_freedom_spec"].flatMap(TemplateView.features) ?? former?.creativeFeatures
    }

    /// Checks the name and language of a new template.
    static func identity(_ call: ManagementCall) throws(GraphError) -> (name: String, language: String) {
        guard let name = call.text("name"), !name.isEmpty else { throw .argument("The parameter name is required.") }
        let isLegal = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "_")
        }
        guard isLegal, name.utf8.count <= 512 else {
            throw .argument("name can have at most 512 lowercase letters, digits and underscores.")
        }
        guard let language = call.text("language"), !language.isEmpty else {
            throw .argument("The parameter language is required.")
        }
        let parts = language.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count <= 2, (2...3).contains(parts[0].utf8.count), parts.allSatisfy({ $0.allSatisfy(\.isLetter) })
        else { throw .argument("language must be a code such as en or pt_BR.") }
        return (name, language)
    }

    private static func check(ttl: Int, _ category: String) throws(GraphError) {
        let range =
            switch category {
            case "AUTHENTICATION": 30...900
            case "UTILITY": 30...43_200
            default: 43_200...2_592_000
            }
        guard range.contains(ttl) || (ttl == -1 && category != "MARKETING") else {
            throw .argument(
                "message_send_ttl_seconds of \(category) must be \(range.lowerBound) to \(range.upperBound)."
            )
        }
    }
}

extension JSONValue {
    /// A whole number, also written as a text.
    var wholeNumber: Int? { integerValue ?? stringValue.flatMap { Int($0) } }
}
