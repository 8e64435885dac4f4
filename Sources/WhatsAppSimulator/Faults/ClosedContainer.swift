/// Any key at all; shows the keys that a type does not know.
private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}

extension Decoder {
    /// The keyed container, after refusing keys outside `keys`: a misspelled fault must not pass as no fault.
    func closedContainer<Key: CodingKey & CaseIterable>(keyedBy keys: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let present = try container(keyedBy: AnyKey.self)
        for key in present.allKeys where Key(stringValue: key.stringValue) == nil {
            let known = keys.allCases.map(\.stringValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(codingPath: codingPath, debugDescription: "unknown key '\(key.stringValue)', known are \(known)")
            )
        }
        return try container(keyedBy: keys)
    }
}

/// The wording of decoding errors.
enum DecodingReason {
    /// Where the mistake is, as a path of keys; empty at the top.
    static func path(of error: any Error) -> String {
        switch error {
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            path(of: context.codingPath)
        case DecodingError.keyNotFound(let key, let context):
            path(of: context.codingPath + [key])
        default: ""
        }
    }

    /// One line that names the place and what is wrong there.
    static func text(of error: any Error) -> String {
        let place = path(of: error)
        let prefix = place.isEmpty ? "" : "'\(place)': "
        switch error {
        case DecodingError.typeMismatch(let type, _): return "\(prefix)is not of type \(type)"
        case DecodingError.valueNotFound(_, _): return "\(prefix)must not be null"
        case DecodingError.keyNotFound(_, _): return "\(prefix)is missing"
        case DecodingError.dataCorrupted(let context): return "\(prefix)\(context.debugDescription)"
        default: return "\(error)"
        }
    }

    private static func path(of keys: [any CodingKey]) -> String {
        var path = ""
        for key in keys {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path
    }
}
