/// The `{{1}}` or `{{first_name}}` of a part of a template.
struct TemplateVariables {
    /// Positions 1, 2, …, or names, in the order of their first use.
    let names: [String]
    let isPositional: Bool

    enum Problem: Error, CustomStringConvertible {
        case unclosed
        case badName(String)
        case mixed
        case gap(missing: Int)

        var description: String { "\(texts.message); \(texts.help)" }

        var texts: (message: String, help: String) {
            switch self {
            case .unclosed: ("a variable is never closed", "add `}}`")
            case .badName(let name):
                (
                    "`\(name)` is not a template variable",
                    "WhatsApp takes {{1}}, {{2}}, … or {{first_name}}: lower-case letters, digits and underscores"
                )
            case .mixed: ("positional and named variables are mixed", "use either {{1}} or {{first_name}}")
            case .gap(let missing): ("variable {{\(missing)}} is missing", "number the variables from 1 without gaps")
            }
        }
    }

    /// Finds the variables of a text.
    init(_ text: String) throws(Problem) {
        var names: [String] = []
        let source = PlaceholderText(text)
        var start = 0
        while let open = source.pair(PlaceholderText.open, from: start) {
            guard let close = source.pair(PlaceholderText.close, from: open + 2) else { throw .unclosed }
            let name = source.text((open + 2)..<close)
            guard Self.isNumber(name) || Self.isName(name) else { throw .badName(name) }
            if !names.contains(name) { names.append(name) }
            start = close + 2
        }
        let positions = names.filter(Self.isNumber)
        isPositional = names.isEmpty || !positions.isEmpty
        guard positions.isEmpty || positions.count == names.count else { throw .mixed }
        self.names = positions.isEmpty ? names : (1...names.count).map(String.init)
        if let missing = self.names.first(where: { !names.contains($0) }), let number = Int(missing) {
            throw .gap(missing: number)
        }
    }

    private static func isNumber(_ name: String) -> Bool {
        guard let number = Int(name) else { return false }
        return number > 0 && String(number) == name
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return TemplateSpec.isPlainName(name)
    }
}
