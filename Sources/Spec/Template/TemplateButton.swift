public import JSON
import YAML

/// A button below a template message.
public struct TemplateButton: Hashable, Sendable {
    enum Kind: String, CaseIterable, SpecChoice {
        case quickReply, url, phone, copyCode, flow, catalog, products, product, voiceCall, contactInfo

        var meaning: String {
            switch self {
            case .quickReply: "The recipient answers with the text of the button."
            case .url: "Opens a web address."
            case .phone: "Calls a number."
            case .copyCode: "Copies the code that the campaign gives as a parameter."
            case .flow: "Opens a flow, a form within WhatsApp."
            case .catalog: "Opens the catalog of the business."
            case .products: "Opens the products that the campaign gives as a parameter."
            case .product: "Opens the product of the header."
            case .voiceCall: "Calls the business within WhatsApp."
            case .contactInfo: "Sends the business the contact data of the recipient."
            }
        }

        /// False if the label is WhatsApp's own.
        var hasLabel: Bool { self != .copyCode && self != .contactInfo }

        /// The maximum number of buttons of this type in a template; `nil` means that only the limit for all types applies.
        var limit: Int? {
            switch self {
            case .url: 2
            case .phone, .copyCode, .flow, .catalog, .products, .product, .voiceCall, .contactInfo: 1
            case .quickReply: nil
            }
        }
    }

    /// The first action of a flow.
    enum FlowAction: String, CaseIterable, SpecChoice {
        case navigate, dataExchange

        var meaning: String {
            switch self {
            case .navigate: "The flow shows its first screen, or `screen`."
            case .dataExchange: "The flow asks its endpoint which screen to show."
            }
        }
    }

    /// The action of the button; it decides which of the other properties have a value.
    private(set) var kind = Kind.quickReply
    private(set) var text = ""
    /// The address; `{{1}}` or `{{order_id}}` at its end is a variable.
    private(set) var url = ""
    private(set) var phoneNumber = ""
    private(set) var flowId = ""
    private(set) var flowAction = FlowAction.navigate
    /// The first screen of a flow; `nil` is that of the flow.
    private(set) var screen: String?

    /// The name of the variable at the end of the address: `1`, or `order_id`; `nil` without one.
    var variable: String? {
        guard kind == .url, url.hasSuffix("}}"), let start = url.ranges(of: "{{").last else { return nil }
        return String(url[start.upperBound...].dropLast(2))
    }

    /// True if a campaign must give the button a value.
    var hasParameter: Bool { kind == .copyCode || kind == .products || variable != nil }

    /// True if a campaign may give the button a value: what comes back when it is tapped, or what a catalog shows.
    var mayHaveParameter: Bool { hasParameter || [.quickReply, .flow, .catalog, .voiceCall].contains(kind) }
}

extension TemplateButton: SpecMapping {
    private static let type = Field("type", \.kind, .choice).required()
        .says("The action of the button.", examples: "quickReply")

    private static let label = Field("text", \.text, .label(upTo: 25)).required()
        .says("The label of the button.", examples: "Read on")

    private static let address = Field("url", \.url, .address).required()
        .says(
            "The address. `{{1}}` at its end is a variable, or `{{order_id}}` if the variables of the template have names. "
                + "Campaigns call it `button.0` for the first button.",
            examples: "https://shop.acme.example/pay/{{1}}"
        )

    private static let number = Field("phoneNumber", \.phoneNumber, .phoneNumber).required()
        .says(
            "The number to call, with its country code; at most 20 characters.",
            examples: "+254700100200"
        )

    private static let flow = Field("flowId", \.flowId, .text(upTo: 64)).required()
        .says("The id of the flow in WhatsApp Manager, in quotes.", examples: "1018273640000001")

    private static let action = Field("action", \.flowAction, .choice)
        .says("What the flow does first.", examples: "dataExchange")

    private static let screen = Field("screen", \.screen, .text(upTo: 100))
        .says(
            "The first screen of the flow, by its id. By default it is the first one of the flow.",
            examples: "DETAILS"
        )

    static let fields = [type, label, address, number, flow, action, screen]

    /// Returns the fields beside `type`.
    private static func fields(of kind: Kind) -> [Field] {
        switch kind {
        case .quickReply: [label]
        case .url: [label, address]
        case .phone: [label, number]
        case .copyCode, .contactInfo: []
        case .flow: [label, flow, action, screen]
        case .catalog, .products, .product, .voiceCall: [label]
        }
    }

    init?(_ node: YAMLNode, path: String, sink: DiagnosticSink) {
        guard var reader = FieldReader(node, path: path, what: "a button", sink: sink) else { return nil }
        defer { reader.finish() }
        self.init()
        if let read = reader.peek("type"), let word = read.node.scalar?.text, let hint = Self.hint(for: word) {
            sink.report(.invalidValue, at: read.range, field: read.field, hint.message, help: hint.help)
            for field in Self.fields { _ = reader.node(field.schema.name) }
            return nil
        }
        guard Self.type.read(&reader, &self) else {
            // Without a type, any of the other fields may be right.
            for field in Self.fields { _ = reader.node(field.schema.name) }
            return nil
        }
        var isWhole = true
        for field in Self.fields(of: kind) where !field.read(&reader, &self) { isWhole = false }
        if !isWhole { return nil }
    }

    /// Returns what to say of a type that WhatsApp has in other words, or that a spec cannot describe; `nil` for any other word.
    private static func hint(for word: String) -> (message: String, help: String)? {
        let type = word.uppercased().filter { $0 != "_" && $0 != "-" }
        guard Kind(rawValue: word) == nil else { return nil }
        let name: String
        switch type {
        case "MPM": name = "products"
        case "SPM": name = "product"
        case "PHONENUMBER": name = "phone"
        case "REQUESTCONTACTINFO": name = "contactInfo"
        case "CALLPERMISSIONREQUEST":
            return ("a request for the permission to call is no button", "write `callPermission: true` in the template")
        case "OTP": return ("a template with a code has no buttons of its own", "use `otp` in place of `body`")
        case "ORDERDETAILS":
            let help = "make the template in WhatsApp Manager, and send it as a raw `message` with the order"
            return ("buttons for payments cannot be described in a spec", help)
        case "APP", "EXTENSION", "POSTBACK", "REMINDER", "SENDLOCATION":
            let message = "WhatsApp has old buttons of type `\(word)`, and documents no way to make new ones"
            return (message, "use another type, such as `quickReply` or `url`")
        default: return nil
        }
        return ("`\(word)` is WhatsApp's word for a type of button", "write `\(name)`")
    }

    /// Returns the same button with another label; some types have none of their own.
    func labelled(_ text: String) -> TemplateButton {
        guard kind.hasLabel else { return self }
        var button = self
        button.text = text
        return button
    }

    /// The button in the form of a spec.
    public var json: JSONValue {
        var object = JSONObject()
        for field in [Self.type] + Self.fields(of: kind) { field.write(self, &object) }
        return .object(object)
    }

    static var value: SchemaValue {
        .variants(by: type.schema, of: Kind.self) { SchemaObject(fields(of: $0).map(\.schema)) }
    }
}

extension FieldCodec<[TemplateButton]> {
    /// Reads the buttons of a template, or of one card.
    static func buttons(upTo limit: Int = 10) -> Self {
        Self(
            schema: .list(of: TemplateButton.value, 0...limit),
            read: { reader, key in Self.buttons(&reader, key, upTo: limit) },
            json: { .array($0.map(\.json)) }
        )
    }

    /// Reads the list of buttons; broken ones are reported and left out.
    private static func buttons(_ reader: inout FieldReader, _ key: String, upTo limit: Int) -> [TemplateButton]? {
        guard let read = reader.node(key) else { return nil }
        guard let items = read.node.sequence else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a list")
            return nil
        }
        let sink = reader.sink
        var kinds: [TemplateButton.Kind] = []
        var labels: Set<String> = []
        if items.count > limit, !sink.isStored {
            let message = "a \(limit == 10 ? "template" : "card") has at most \(limit) buttons, not \(items.count)"
            sink.report(.templateLimit, at: items[limit].range, field: read.field, message)
        }
        return items.enumerated().compactMap { index, item in
            let field = FieldPath.item(index, of: read.field)
            guard let button = TemplateButton(item, path: field, sink: sink) else { return nil }
            kinds.append(button.kind)
            if !sink.isStored, !button.text.isEmpty, !labels.insert(button.text).inserted {
                let place = item.mapping?["text"]?.range ?? item.range
                let message = "two buttons have the label `\(button.text)`"
                let help = "give each a label of its own"
                sink.report(.templateLimit, at: place, field: "\(field).text", message, help: help)
            }
            if !sink.isStored, let limit = button.kind.limit,
                kinds.count(where: { $0 == button.kind }) == limit + 1
            {
                let message =
                    "a template has at most \(limit) `\(button.kind.rawValue)` \(limit == 1 ? "button" : "buttons")"
                sink.report(.templateLimit, at: item.range, field: field, message)
            }
            return button
        }
    }
}

extension FieldCodec<String> {
    fileprivate static var phoneNumber: Self {
        text(
            upTo: 20,
            pattern: TextPattern.phoneNumber,
            form: "a phone number",
            help: "write it with its country code, such as \"+254700100200\"",
            isValid: isPhoneNumber
        )
    }

    /// Returns true if a text is a phone number with its country code: an optional plus sign and 7 to 15 digits, with
    /// blanks, brackets and hyphens between them.
    static func isPhoneNumber(_ text: String) -> Bool {
        let number = text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        let digits = number.utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (7...15).contains(digits.count), digits.first != UInt8(ascii: "0") else { return false }
        let isOpen = number.utf8.first == digits.first && number.utf8.last == digits.last
        return isOpen && number.utf8.allSatisfy { digits.contains($0) || " ()-".utf8.contains($0) }
    }

    fileprivate static var address: Self {
        let form = text(
            upTo: 2000,
            pattern: "^https?://((?!\\{\\{)\\S)+(\\{\\{(1|[a-z][a-z0-9_]*)\\}\\})?$",
            form: "a web address",
            help: "start it with `https://` and a host, and leave out blanks"
        ) { text in
            let hasBlank = text.unicodeScalars.contains(where: \.properties.isWhitespace)
            guard let scheme = ["https://", "http://"].first(where: text.hasPrefix), !hasBlank else { return false }
            let rest = text.dropFirst(scheme.count)
            return !rest.isEmpty && !rest.hasPrefix("{{")
        }
        return Self(
            schema: form.schema,
            read: { reader, key in
                guard let address = form.read(&reader, key) else { return nil }
                guard !reader.sink.isStored, let problem = variableProblem(in: address), let place = reader.peek(key)
                else { return address }
                let (message, help) = problem
                reader.sink.report(.templateLimit, at: place.range, field: place.field, message, help: help)
                return nil
            },
            json: form.json
        )
    }
}

extension FieldCodec<String> {
    /// Returns what is wrong with the variables of an address; `nil` if it has none, or one at its end.
    private static func variableProblem(in address: String) -> (message: String, help: String)? {
        do throws(TemplateVariables.Problem) {
            let names = try TemplateVariables(address).names
            guard let name = names.first else { return nil }
            let variable = "{{\(name)}}"
            guard names.count > 1 || !address.hasSuffix(variable) || address.dropLast(variable.count).contains("{{")
            else {
                return nil
            }
            return ("a web address has at most one variable, at its end", "end it with \(variable)")
        } catch {
            return error.texts
        }
    }
}

extension TemplateSpec {
    /// The number of buttons allowed for each type.
    ///
    /// Only JSON Schema 2020-12 can express these limits, and editors do not support it.
    package static var buttonLimits: [JSONValue] {
        TemplateButton.Kind.allCases.compactMap { kind in
            kind.limit.map { limit in
                [
                    "contains": SchemaRule.has("type", .string(kind.rawValue)), "minContains": 0,
                    "maxContains": .integer(limit),
                ]
            }
        }
    }
}
