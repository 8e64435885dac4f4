extension MessageRequest.Template {
    private static let longestName = 512

    func validate() throws(GraphError) {
        guard let name, !name.isEmpty else { throw .missing("template.name") }
        let isLegal = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
        guard isLegal, name.utf8.count <= Self.longestName else {
            throw .invalid("template.name", "may hold lowercase letters, digits and underscores only")
        }
        guard let language else { throw .missing("template.language") }
        try language.validate()
        guard let components else { return }
        for (index, component) in components.enumerated() {
            try component.validate(place: "template.components[\(index)]")
        }
    }
}

extension MessageRequest.Language {
    fileprivate func validate() throws(GraphError) {
        guard let code else { throw .missing("template.language.code") }
        let parts = code.split(separator: "_", omittingEmptySubsequences: false)
        let isLegal =
            parts.count <= 2 && (2...3).contains(parts[0].utf8.count)
            && parts.allSatisfy { (2...4).contains($0.utf8.count) && $0.utf8.allSatisfy(Self.isAlphanumeric) }
        guard isLegal else { throw .invalid("template.language.code", "must be like en or pt_BR") }
        guard policy == nil || policy == "deterministic" else {
            throw .invalid("template.language.policy", "must be 'deterministic'")
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension MessageRequest.Component {
    private static let buttonTypes: Set<String> = [
        "quick_reply", "url", "flow", "catalog", "copy_code", "mpm", "spm", "voice_call", "order_details",
    ]

    fileprivate func validate(place: String) throws(GraphError) {
        guard let type else { throw .missing("\(place).type") }
        switch type.lowercased() {
        case "header", "body": break
        case "button": try validateButton(place: place)
        default: throw .invalid("\(place).type", "must be 'header', 'body' or 'button'")
        }
        for (index, parameter) in (parameters ?? []).enumerated() {
            try parameter.validate(place: "\(place).parameters[\(index)]")
        }
        let named = (parameters ?? []).count { $0.parameter_name != nil }
        guard named == 0 || named == parameters?.count else {
            throw .wrongParameter("'\(place).parameters' mixes named and positional parameters")
        }
    }

    private func validateButton(place: String) throws(GraphError) {
        guard let sub_type else { throw .missing("\(place).sub_type") }
        guard Self.buttonTypes.contains(sub_type.lowercased()) else {
            throw .invalid("\(place).sub_type", "is not a kind of button")
        }
        guard let index else { throw .missing("\(place).index") }
        guard let value = index.value, (0...9).contains(value) else {
            throw .invalid("\(place).index", "must be 0 to 9")
        }
    }
}

extension MessageRequest.Parameter {
    fileprivate func validate(place: String) throws(GraphError) {
        guard let type else { throw .missing("\(place).type") }
        if let parameter_name, parameter_name.isEmpty {
            throw .invalid("\(place).parameter_name", "must not be empty")
        }
        switch type.lowercased() {
        case "text": try validateText(place: place)
        case "currency": try validateCurrency(place: place)
        case "date_time":
            try MessageRequest.require(date_time?.fallback_value != nil, "\(place).date_time.fallback_value")
        case "image": try MessageRequest.validate(image, "\(place).image")
        case "video": try MessageRequest.validate(video, "\(place).video")
        case "document": try MessageRequest.validate(document, "\(place).document")
        case "payload": try MessageRequest.require(payload != nil, "\(place).payload")
        case "action": try MessageRequest.require(action != nil, "\(place).action")
        case "coupon_code": try MessageRequest.require(coupon_code != nil, "\(place).coupon_code")
        default: throw .invalid("\(place).type", "is not a type of parameter")
        }
    }

    private func validateText(place: String) throws(GraphError) {
        guard let text else { throw .missing("\(place).text") }
        guard !text.isEmpty else { throw .missing("\(place).text") }
        // The real service refuses layout inside of parameters.
        guard !Self.hasLayout(text) else {
            throw GraphError(code: 132_012, details: "'\(place).text' holds a new line, a tab or 5 spaces in a row")
        }
    }

    private static func hasLayout(_ text: String) -> Bool {
        var spaces = 0
        for byte in text.utf8 {
            spaces = byte == UInt8(ascii: " ") ? spaces + 1 : 0
            if spaces > 4 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return true }
        }
        return false
    }

    private func validateCurrency(place: String) throws(GraphError) {
        guard let currency else { throw .missing("\(place).currency") }
        try MessageRequest.require(currency.fallback_value != nil, "\(place).currency.fallback_value")
        try MessageRequest.require(currency.code != nil, "\(place).currency.code")
        try MessageRequest.require(currency.amount_1000 != nil, "\(place).currency.amount_1000")
        guard currency.code?.utf8.count == 3 else {
            throw .invalid("\(place).currency.code", "must be a currency code of 3 letters")
        }
    }
}
