/// Where a request wants to go, read from its method and path.
enum SimulatorRoute: Hashable, Sendable {
    case messages(phoneNumberID: String)
    case marketingMessages(phoneNumberID: String)
    case phoneNumber(id: String)
    case summary
    case faults
    case setFaults
    case setWebhook
    case recipient(String)
    case reset
    case unknown

    init(method: String, path: String) {
        var parts = path.split(separator: "/")
        if parts.first == "_simulator" {
            self = Self.control(method: method, parts: parts.dropFirst())
            return
        }
        if let first = parts.first, first.hasPrefix("v"), first.dropFirst().first?.isNumber == true {
            parts.removeFirst()
        }
        guard let id = parts.first, id.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), id.utf8.count <= 32 else {
            self = .unknown
            return
        }
        self =
            switch (method, parts.count, parts.last) {
            case ("POST", 2, "messages"): .messages(phoneNumberID: String(id))
            case ("POST", 2, "marketing_messages"): .marketingMessages(phoneNumberID: String(id))
            case ("GET", 1, _): .phoneNumber(id: String(id))
            default: .unknown
            }
    }

    private static func control(method: String, parts: ArraySlice<Substring>) -> SimulatorRoute {
        switch (method, parts.first, parts.count) {
        case ("GET", "summary", 1): .summary
        case ("GET", "faults", 1): .faults
        case ("PUT", "faults", 1): .setFaults
        case ("PUT", "webhook", 1): .setWebhook
        case ("POST", "reset", 1): .reset
        case ("GET", "recipients", 2): .recipient(parts.last.map(String.init) ?? "")
        default: .unknown
        }
    }
}
