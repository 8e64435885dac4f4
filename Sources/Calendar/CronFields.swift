import Spelling

/// The five fields of an expression as texts, with their places.
struct CronFields {
    /// A part of the text.
    struct Field {
        let text: String
        /// Offsets within the UTF-8 of the whole text.
        let range: Range<Int>

        var startsWithStar: Bool { text.hasPrefix("*") }
    }

    private static let macros = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    let (minute, hour, day, month, weekday): (Field, Field, Field, Field, Field)
    /// The place of the macro that stands for all fields; `nil` without one.
    let macro: Range<Int>?
    let canonical: String

    init(_ text: String) throws(CronError) {
        let parts = Self.split(text)
        guard let first = parts.first else {
            throw CronError(
                "the expression is empty",
                help: "write five fields: `0 9 * * MON`",
                at: 0..<text.utf8.count
            )
        }
        if first.text.hasPrefix("@") {
            self = try Self.expanded(first, parts, text)
            return
        }
        if first.text.contains("=") {
            let help = "give the zone as `timeZone`"
            throw CronError("`\(first.text)` is no field", help: help, at: first.range)
        }
        guard parts.count == 5 else {
            let help =
                parts.count == 6
                ? "seconds and years are not supported: minute, hour, day of month, month, day of week"
                : "the fields are minute, hour, day of month, month, day of week"
            let range =
                parts.count > 5 ? parts[5].range.lowerBound..<text.utf8.count : first.range.lowerBound..<text.utf8.count
            throw CronError("the expression has \(parts.count) fields instead of 5", help: help, at: range)
        }
        (minute, hour, day, month, weekday) = (parts[0], parts[1], parts[2], parts[3], parts[4])
        macro = nil
        canonical = parts.map(\.text).joined(separator: " ").uppercased()
    }

    private init(fields: [Field], macro: Field) {
        (minute, hour, day, month, weekday) = (fields[0], fields[1], fields[2], fields[3], fields[4])
        self.macro = macro.range
        canonical = macro.text.lowercased()
    }

    private static func expanded(_ macro: Field, _ parts: [Field], _ text: String) throws(CronError) -> CronFields {
        guard let expansion = macros[macro.text.lowercased()] else {
            let names = macros.keys.sorted()
            let near = SpellingSuggestion.candidates(for: macro.text, among: names)
            let help =
                near.isEmpty
                ? "there are \(SpellingSuggestion.list(names, "and"))"
                : "did you mean \(SpellingSuggestion.list(near, "or"))?"
            throw CronError("unknown name `\(macro.text)`", help: help, at: macro.range)
        }
        guard parts.count == 1 else {
            let range = parts[1].range.lowerBound..<text.utf8.count
            throw CronError("`\(macro.text)` stands alone", help: "remove what follows", at: range)
        }
        let fields = split(expansion).map { Field(text: $0.text, range: macro.range) }
        return CronFields(fields: fields, macro: macro)
    }

    private static func split(_ text: String) -> [Field] {
        var fields: [Field] = []
        var current: [UInt8] = []
        var offset = 0
        for byte in Array(text.utf8) + [0x20] {
            if byte == 0x20 || byte == 0x09 {
                if !current.isEmpty {
                    fields.append(
                        Field(text: String(decoding: current, as: UTF8.self), range: offset - current.count..<offset)
                    )
                }
                current = []
            } else {
                current.append(byte)
            }
            offset += 1
        }
        return fields
    }
}
