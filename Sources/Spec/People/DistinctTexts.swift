import JSON
import YAML

/// The reason why a text cannot be an element of a list.
struct RefusedText: Error, CustomStringConvertible {
    let message: String
    let help: String

    var description: String { "\(message); \(help)" }
}

extension FieldCodec<[String]> {
    /// Makes the codec of a sorted list of texts, none of them twice.
    ///
    /// - Parameters:
    ///   - element: The schema of a text.
    ///   - most: The maximum number; `nil` means any number.
    ///   - noun: The plural of the thing that the texts are.
    ///   - read: Brings a text to the form that is kept, and returns the key that no two texts have in common.
    /// - Returns: The codec of the list.
    static func distinct(
        _ element: SchemaValue,
        atMost most: Int? = nil,
        _ noun: String,
        _ read: @escaping @Sendable (String) throws(RefusedText) -> (value: String, key: String)
    ) -> Self {
        Self(
            schema: most.map { .list(of: element, 0...$0, isSet: true) } ?? .list(of: element, isSet: true),
            read: { reader, key in
                let sink = reader.sink
                var known: [String: YAMLRange] = [:]
                let list = reader.list(key) { node, field -> String? in
                    guard let text = sink.string(node, field: field) else { return nil }
                    func refuse(_ message: String, _ help: String, _ related: Diagnostic.Related? = nil) -> String? {
                        sink.report(.invalidValue, at: text.range, field: field, message, help: help, related: related)
                        return nil
                    }
                    do throws(RefusedText) {
                        let element = try read(text.value)
                        guard let first = known.updateValue(text.range, forKey: element.key) else {
                            return element.value
                        }
                        let place = SourcePlace(file: sink.file, first)
                        return refuse(
                            "`\(element.value)` is listed twice",
                            "remove it",
                            Diagnostic.Related(place: place, label: "first here")
                        )
                    } catch {
                        return refuse(error.message, error.help)
                    }
                }
                guard let list else { return nil }
                if let most, list.value.count > most {
                    let message = "`\(key)` has \(list.value.count) \(noun), more than \(most)"
                    sink.report(.invalidValue, at: list.range, field: list.field, message, help: "remove some of them")
                    return nil
                }
                return list.value.sorted()
            },
            json: { $0.isEmpty ? nil : .array($0.map(JSONValue.string)) }
        )
    }
}
