public import JSON

/// Compares a template as it is wished with the one that WhatsApp returned.
///
/// Spellings that WhatsApp changes without changing the template are no difference: the order of parts, upper and lower case of kinds, absent
/// and empty values, examples and addresses of files, buttons with codes that come back as links, signs in phone numbers.
public struct TemplateComparison: Sendable {
    /// A part that differs.
    public struct Difference: Hashable, Sendable {
        /// The part, such as `body`, `buttons[0].url` or `cards[1].header`.
        public let part: String
        /// The wished text; `nil` if the part is not wished.
        public let wanted: String?
        /// The text at WhatsApp; `nil` if the part is not there.
        public let found: String?

        public init(part: String, wanted: String?, found: String?) {
            (self.part, self.wanted, self.found) = (part, wanted, found)
        }

        /// The difference as a clause: `body is "Hi" at WhatsApp, and "Hello" here`.
        public var words: String {
            func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "absent" }
            return "\(part) is \(quoted(found)) at WhatsApp, and \(quoted(wanted)) here"
        }
    }

    /// The parts that differ, sorted by their names; empty if both are equal.
    public let differences: [Difference]
    /// The parts at WhatsApp that specs cannot describe, such as `buttons[1] (REMINDER)`; they are no differences, and an edit would
    /// take them away.
    public let unknownParts: [String]

    /// True if WhatsApp has what is wished; its category is not compared.
    public var isEqual: Bool { differences.isEmpty }

    /// Compares two templates.
    ///
    /// - Parameters:
    ///   - request: The body of the request that would create the template.
    ///   - components: The parts that WhatsApp returned.
    ///   - parameterFormat: The format that WhatsApp returned; `nil` if it is not known.
    ///   - category: The category that it has at WhatsApp, in any case; a change of the category resets the lifetime, so that
    ///     lifetimes are compared in the same category only.
    ///   - ttlSeconds: The lifetime that WhatsApp returned; `nil` for that of the category.
    public init(
        of request: JSONValue,
        with components: JSONValue,
        parameterFormat: String? = nil,
        category: String? = nil,
        ttlSeconds: Int? = nil
    ) {
        let wanted = TemplateParts(components: request["components"])
        let found = TemplateParts(components: components)
        var differences = wanted.differences(from: found)
        let wantedFormat = request["parameter_format"]?.stringValue?.uppercased() ?? "POSITIONAL"
        // Without variables, a template has no format.
        if let parameterFormat, wanted.hasVariables, found.hasVariables, parameterFormat.uppercased() != wantedFormat {
            differences.append(
                Difference(part: "parameterFormat", wanted: wantedFormat, found: parameterFormat.uppercased())
            )
        }
        let isSameCategory =
            category.map { $0.uppercased() == request["category"]?.stringValue?.uppercased() } ?? true
        if isSameCategory, let wantedTTL = request["message_send_ttl_seconds"]?.integerValue,
            Self.lifetime(wantedTTL) != ttlSeconds.map(Self.lifetime)
        {
            let texts = (Self.lifetime(wantedTTL), ttlSeconds.map(Self.lifetime))
            differences.append(Difference(part: "ttl", wanted: "\(texts.0) s", found: texts.1.map { "\($0) s" }))
        }
        // In place of a part that is not known, nothing is known to be missing.
        self.differences = differences.filter { difference in
            !found.unknown.contains { unknown in
                guard let end = unknown.path.ranges(of: "buttons[").last?.upperBound else {
                    return difference.part == unknown.path || difference.part.hasPrefix("\(unknown.path).")
                }
                return difference.found == nil && difference.part.hasPrefix(unknown.path[..<end])
            }
        }
        .sorted { $0.part < $1.part }
        unknownParts = found.unknownParts
    }

    /// Returns the parts at WhatsApp that specs cannot describe, such as `buttons[1] (REMINDER)`.
    public static func unknownParts(of components: JSONValue) -> [String] {
        TemplateParts(components: components).unknownParts
    }

    /// Returns the seconds of a lifetime: -1 stands for 30 days.
    private static func lifetime(_ seconds: Int) -> Int { seconds == -1 ? 30 * 86_400 : seconds }
}

/// The texts of the parts of a template by their names, in one form for what is submitted and what is returned.
private struct TemplateParts {
    /// A text of a part.
    private enum Text {
        case exact(String)
        /// A text that WhatsApp may leave out or choose itself: it counts only if both sides have it.
        case loose(String)

        var value: String {
            switch self {
            case .exact(let text), .loose(let text): text
            }
        }
    }

    private var texts: [String: Text] = [:]
    /// The places of the parts that specs cannot describe, with WhatsApp's word for their kind.
    private(set) var unknown: [(path: String, kind: String)] = []

    var unknownParts: [String] {
        unknown.map { $0.path.hasSuffix($0.kind) ? $0.path : "\($0.path) (\($0.kind))" }.sorted()
    }

    var hasVariables: Bool { texts.values.contains { $0.value.contains("{{") } }

    init(components: JSONValue?) { add(components?.arrayValue ?? [], below: "") }

    func differences(from found: Self) -> [TemplateComparison.Difference] {
        Set(texts.keys).union(found.texts.keys).compactMap { part in
            let (ours, theirs) = (texts[part], found.texts[part])
            if ours?.value == theirs?.value { return nil }
            switch (ours, theirs) {
            case (.loose, nil), (nil, .loose): return nil
            default: return TemplateComparison.Difference(part: part, wanted: ours?.value, found: theirs?.value)
            }
        }
    }

    private mutating func set(_ part: String, _ text: String?) {
        guard let text = text.map(Self.trimmed), !text.isEmpty else { return }
        texts[part] = .exact(text)
    }

    private mutating func setLoosely(_ part: String, _ value: JSONValue?) {
        switch value {
        case nil, .null: return
        case .string(let text): if !text.isEmpty { texts[part] = .loose(Self.trimmed(text)) }
        case .some(let value): texts[part] = .loose(value.canonicalText)
        }
    }

    private static func trimmed(_ text: String) -> String {
        var lines = text.replacing("\r\n", with: "\n")[...]
        while lines.last?.isWhitespace == true { lines.removeLast() }
        return String(lines.drop(while: \.isWhitespace))
    }

    private mutating func add(_ components: [JSONValue], below prefix: String) {
        for component in components {
            let kind = component["type"]?.stringValue?.uppercased() ?? ""
            switch kind {
            case "HEADER": addHeader(component, "\(prefix)header")
            case "BODY":
                // WhatsApp words the body of a code itself, and may return it without the flag.
                if component["add_security_recommendation"] != nil || isOTP(components) {
                    setLoosely("\(prefix)body.securityRecommendation", component["add_security_recommendation"])
                } else {
                    set("\(prefix)body", component["text"]?.stringValue)
                }
            case "FOOTER":
                if component["code_expiration_minutes"] != nil || isOTP(components) {
                    setLoosely("\(prefix)footer.codeExpiry", component["code_expiration_minutes"])
                } else {
                    set("\(prefix)footer", component["text"]?.stringValue)
                }
            case "BUTTONS":
                // Buttons that are known keep their order around those that are not, so they are compared by their place among
                // themselves: one for payments in front makes no difference of each after it.
                var known = 0
                for (index, button) in (component["buttons"]?.arrayValue ?? []).enumerated() {
                    if addButton(button, "\(prefix)buttons[\(known)]", at: "\(prefix)buttons[\(index)]") { known += 1 }
                }
            case "CAROUSEL":
                for (index, card) in (component["cards"]?.arrayValue ?? []).enumerated() {
                    add(card["components"]?.arrayValue ?? [], below: "\(prefix)cards[\(index)].")
                }
            case "LIMITED_TIME_OFFER":
                let offer = component["limited_time_offer"]
                set("\(prefix)offer.text", offer?["text"]?.stringValue)
                set("\(prefix)offer.expires", offer?["has_expiration"]?.boolValue == true ? "true" : nil)
            case "CALL_PERMISSION_REQUEST": set("\(prefix)callPermission", "true")
            default: unknown.append((prefix + (kind.isEmpty ? "part without a type" : kind), kind))
            }
        }
    }

    /// Returns true for the parts of a template with a code, on either side.
    private func isOTP(_ components: [JSONValue]) -> Bool {
        components.contains { component in
            (component["buttons"]?.arrayValue ?? []).contains { Self.otpKind($0) != nil }
        }
    }

    /// Returns the way in which a button gives a code; `nil` for other buttons.
    ///
    /// WhatsApp returns a button with a link of its own.
    private static func otpKind(_ button: JSONValue) -> String? {
        switch button["type"]?.stringValue?.uppercased() {
        case "OTP": return button["otp_type"]?.stringValue?.uppercased() ?? ""
        case "URL":
            guard let url = button["url"]?.stringValue, url.hasPrefix("https://www.whatsapp.com/otp/") else {
                return nil
            }
            return url.firstMatch(of: /[?&]otp_type=([A-Za-z_]+)/).map { $0.1.uppercased() } ?? ""
        default: return nil
        }
    }

    private mutating func addHeader(_ header: JSONValue, _ part: String) {
        let format = header["format"]?.stringValue?.uppercased() ?? "TEXT"
        switch format {
        case "TEXT": set(part, header["text"]?.stringValue)
        case "IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "PRODUCT": set("\(part).format", format)
        default: unknown.append((part, format))
        }
    }

    /// Adds a button under a name; one that is not known is named by its place.
    ///
    /// - Returns: False for one that is not known.
    private mutating func addButton(_ button: JSONValue, _ part: String, at place: String) -> Bool {
        let text = button["text"]?.stringValue
        if let kind = Self.otpKind(button) {
            set("\(part).type", "OTP")
            setLoosely("\(part).otpType", .string(kind))
            // Without a label of ours WhatsApp writes its own.
            setLoosely("\(part).text", text.map(JSONValue.string))
            setLoosely("\(part).autofillText", button["autofill_text"])
            setLoosely("\(part).apps", button["supported_apps"])
            return true
        }
        let kind = button["type"]?.stringValue?.uppercased() ?? ""
        switch kind {
        // The label is WhatsApp's, and the code to copy is an example.
        case "COPY_CODE", "REQUEST_CONTACT_INFO": break
        case "QUICK_REPLY", "CATALOG", "MPM", "SPM", "VOICE_CALL": set("\(part).text", text)
        case "URL":
            set("\(part).text", text)
            set("\(part).url", button["url"]?.stringValue.map(Self.address))
        case "PHONE_NUMBER":
            set("\(part).text", text)
            set("\(part).phoneNumber", button["phone_number"]?.stringValue?.filter { $0.isASCII && $0.isNumber })
        case "FLOW":
            set("\(part).text", text)
            set("\(part).flowId", Self.id(button["flow_id"]))
            setLoosely("\(part).action", (button["flow_action"]?.stringValue?.lowercased()).map(JSONValue.string))
            setLoosely("\(part).screen", button["navigate_screen"])
        default:
            unknown.append((place, kind.isEmpty ? "without a type" : kind))
            return false
        }
        set("\(part).type", kind)
        return true
    }

    /// Returns the text of an id, which is a text or a number.
    private static func id(_ value: JSONValue?) -> String? {
        value?.stringValue ?? value?.integerValue.map(String.init)
    }

    /// Returns an address with a slash after a bare host, which WhatsApp adds.
    private static func address(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://"), !url[scheme.upperBound...].contains(where: { "/?#".contains($0) })
        else { return url }
        return url + "/"
    }
}
