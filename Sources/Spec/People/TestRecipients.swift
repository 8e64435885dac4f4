import JSON
import YAML

/// Phone numbers of named people, such as those that may get test messages.
enum TestRecipients {
    /// The most numbers of a tenant.
    static let most = 20
}

extension FieldCodec<[String]> {
    /// Phone numbers in any international spelling, kept in one form and sorted.
    static var testRecipients: Self {
        let number = SchemaValue(
            ["type": "string", "pattern": .string(TextPattern.phoneNumber), "maxLength": 30],
            words: "phone number"
        )
        return Self(
            schema: .list(of: number, 0...TestRecipients.most, isSet: true),
            read: { reader, key in
                let sink = reader.sink
                var known: [String: YAMLRange] = [:]
                guard let read = reader.list(key, { Self.number($0, $1, sink, &known) }) else { return nil }
                guard read.value.count <= TestRecipients.most else {
                    let message = "`\(key)` has \(read.value.count) numbers, more than \(TestRecipients.most)"
                    sink.report(.invalidValue, at: read.range, field: read.field, message, help: "remove some of them")
                    return nil
                }
                return read.value.sorted()
            },
            json: { $0.isEmpty ? nil : .array($0.map(JSONValue.string)) }
        )
    }

    private static func number(
        _ node: YAMLNode,
        _ field: String,
        _ sink: DiagnosticSink,
        _ known: inout [String: YAMLRange]
    ) -> String? {
        guard let read = sink.string(node, field: field) else { return nil }
        guard read.value.utf8.count <= 30, FieldCodec<String>.isPhoneNumber(read.value) else {
            let help = "write it in quotes, with its country code: \"+254700000017\""
            let message = "`\(read.value)` is not a phone number"
            sink.report(.invalidValue, at: read.range, field: field, message, help: help)
            return nil
        }
        let number = "+" + digits(of: read.value)
        guard let first = known.updateValue(read.range, forKey: number) else { return number }
        let related = Diagnostic.Related(place: SourcePlace(file: sink.file, first), label: "first here")
        let message = "\(number) is listed twice"
        sink.report(.invalidValue, at: read.range, field: field, message, help: "remove it", related: related)
        return nil
    }

    /// Returns the digits of a number in its one form, by which a request finds it.
    private static func digits(of text: String) -> String {
        do {
            return try PhoneNumberReader().read(text).digits
        } catch {
            // No request can name such a number, because its length is wrong for its country.
            return text.filter { $0.isASCII && $0.isNumber }
        }
    }
}
