import JSON
import YAML

/// The parts of an authentication template, whose texts are WhatsApp's own: body, footer and one button with the code.
public struct TemplateOTP: Hashable, Sendable {
    /// The way in which the code gets from the message to the app.
    public enum Delivery: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case copyCode, oneTap, zeroTap

        var meaning: String {
            switch self {
            case .copyCode: "The button copies the code."
            case .oneTap: "The button opens the app, which gets the code; elsewhere it copies the code."
            case .zeroTap: "The app gets the code without a tap; elsewhere the button does as with `oneTap`."
            }
        }
    }

    /// An app for Android that may get the code.
    public struct App: Hashable, Sendable {
        public internal(set) var package = ""
        public internal(set) var signature = ""

        /// Creates an app without a name.
        public init() {}
    }

    public internal(set) var delivery = Delivery.copyCode
    /// The label of the button; `nil` is WhatsApp's own.
    public internal(set) var text: String?
    /// The label of the button that opens the app; `nil` is WhatsApp's own.
    public internal(set) var autofillText: String?
    public internal(set) var apps: [App] = []
    /// True if the terms of WhatsApp for codes without a tap are accepted.
    public internal(set) var acceptsTerms = false
    /// True if the body says not to share the code.
    public internal(set) var securityRecommendation = false
    /// The time after which the code is void, which the footer says; `nil` for no footer.
    public internal(set) var codeExpiry: SpecDuration?

    /// Creates parts with a button that copies the code.
    public init() {}
}

extension TemplateOTP.App: SpecMapping {
    static let fields: [Field] = [
        Field("package", \.package, .package).required()
            .says("The name of the app's package.", examples: "com.acme.shop"),
        Field("signature", \.signature, .signature).required()
            .says("The hash of the app's signing key: 11 characters.", examples: "K8a/AINcGX7"),
    ]
}

extension TemplateOTP: SpecMapping {
    static let fields: [Field] = [
        Field("type", \.delivery, .choice).required()
            .says("How the code gets into the app.", examples: "copyCode"),
        Field("text", \.text, .label(upTo: 25))
            .says("The label of the button that copies the code. By default it is WhatsApp's.", examples: "Copy code"),
        Field("autofillText", \.autofillText, .label(upTo: 25))
            .says("The label of the button that opens the app. By default it is WhatsApp's.", examples: "Autofill"),
        Field("apps", \.apps, .apps)
            .says(
                "The Android apps that may get the code; at least one for `oneTap` and `zeroTap`.",
                examples: [["package": "com.acme.shop", "signature": "K8a/AINcGX7"]]
            ),
        Field("acceptsTerms", \.acceptsTerms, .bool)
            .says("Whether you accept WhatsApp's terms for `zeroTap`, which needs it.", examples: true),
        Field("securityRecommendation", \.securityRecommendation, .bool)
            .says("Whether the body says not to share the code.", examples: true),
        Field("codeExpiry", \.codeExpiry, .duration(from: SpecDuration(seconds: 60), upToDays: 1))
            .says("When the code is void, `1m` to `90m` in whole minutes; the footer says it.", examples: "10m"),
    ]

    func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        guard isWhole, !reader.sink.isStored else { return true }
        func report(_ key: String, _ message: String, _ help: String?) {
            let place = reader.peek(key)
            let range = place?.range ?? reader.node.range
            reader.sink.report(.templateLimit, at: range, field: reader.field(key), message, help: help)
        }
        if let codeExpiry, codeExpiry.seconds > 5_400 || !codeExpiry.seconds.isMultiple(of: 60) {
            report("codeExpiry", "a code expires after 1 to 90 whole minutes, not \(codeExpiry)", "write it like `10m`")
        }
        if delivery == .copyCode {
            for key in ["autofillText", "apps"] where reader.has(key) {
                report(key, "`\(key)` has no meaning with `type: copyCode`", "remove it, or use `oneTap`")
            }
        } else if apps.isEmpty, !reader.has("apps") {
            report(
                "type",
                "`\(delivery.rawValue)` needs the `apps` that may get the code",
                "list them, or use `copyCode`"
            )
        }
        if delivery == .zeroTap, !acceptsTerms {
            report("type", "`zeroTap` needs WhatsApp's terms", "read them, and add `acceptsTerms: true`")
        }
        return true
    }
}

extension FieldCodec<[TemplateOTP.App]> {
    fileprivate static var apps: Self {
        Self(
            schema: .list(of: TemplateOTP.App.schema.value, 1...5),
            read: { reader, key in
                let sink = reader.sink
                let apps = reader.list(key) { node, field -> TemplateOTP.App? in
                    guard var nested = FieldReader(node, path: field, what: "an app", sink: sink) else { return nil }
                    let app = TemplateOTP.App(reading: &nested)
                    nested.finish()
                    return app
                }
                guard let apps else { return nil }
                if !sink.isStored, let count = apps.node.sequence?.count, !(1...5).contains(count) {
                    let message = "`apps` has \(count) apps, outside of 1 to 5"
                    sink.report(.templateLimit, at: apps.range, field: apps.field, message)
                }
                return apps.value
            },
            json: { apps in
                apps.isEmpty
                    ? nil : .array(apps.map { ["package": .string($0.package), "signature": .string($0.signature)] })
            }
        )
    }
}

extension FieldCodec<String> {
    fileprivate static var package: Self {
        text(
            upTo: 224,
            pattern: "^[A-Za-z][A-Za-z0-9_]*(\\.[A-Za-z][A-Za-z0-9_]*)+$",
            form: "the name of an Android package",
            help: "write it like `com.acme.shop`",
            code: .templateLimit
        ) { text in
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count > 1
                && parts.allSatisfy { part in
                    part.first.map { $0.isASCII && $0.isLetter } ?? false
                        && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                }
        }
    }

    fileprivate static var signature: Self {
        text(
            upTo: 11,
            pattern: "^[A-Za-z0-9+/=]{11}$",
            form: "the hash of a signing key",
            help: "it has 11 characters of A-Z, a-z, 0-9, `+`, `/` and `=`",
            code: .templateLimit
        ) { text in
            text.utf8.count == 11
                && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+/=".contains($0)) }
        }
    }
}
