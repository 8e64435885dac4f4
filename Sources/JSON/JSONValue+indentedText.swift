extension JSONValue {
    /// JSON text for people, with sorted keys and two spaces for each level; short lists of plain values take one line.
    public var indentedText: String {
        var text = ""
        append(to: &text, depth: 0)
        return text
    }

    private func append(to text: inout String, depth: Int) {
        let inner = String(repeating: "  ", count: depth + 1)
        let outer = String(repeating: "  ", count: depth)
        switch self {
        case .object(let fields) where !fields.isEmpty:
            text += "{\n"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += ",\n" }
                text += inner + JSONValue.string(field.key).canonicalText + ": "
                field.value.append(to: &text, depth: depth + 1)
            }
            text += "\n\(outer)}"
        case .array(let items) where !isShortList:
            text += "[\n"
            for (index, item) in items.enumerated() {
                if index > 0 { text += ",\n" }
                text += inner
                item.append(to: &text, depth: depth + 1)
            }
            text += "\n\(outer)]"
        case .array(let items): text += "[" + items.map(\.canonicalText).joined(separator: ", ") + "]"
        default: text += canonicalText
        }
    }

    private var isShortList: Bool {
        guard case .array(let items) = self else { return false }
        let isPlain = items.allSatisfy { $0.arrayValue == nil && $0.objectValue == nil }
        return isPlain && canonicalText.utf8.count <= 80
    }
}
