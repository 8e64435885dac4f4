import Foundation
import JSON
import Spec

/// Evaluates filters over contacts in memory, independently of the SQL, to check what it selects.
///
/// A missing value never matches a comparison; `not` selects the contacts that its filter does not.
struct FilterOracle {
    /// A contact in memory.
    struct Person {
        var contactID: String
        var name: String?
        var email: String?
        var yearOfBirth: Int?
        var messageCount: Int
        var lastSeen: Date?
        var tags: [String]
        var paymentStatus: String?
        /// Values as JSON has them; a key with `.null` exists, but has no value.
        var metadata: [String: JSONValue]
    }

    let now: Date

    func selects(_ filter: JSONValue, _ person: Person) throws -> Bool {
        if let inner = filter["not"] { return try !selects(inner, person) }
        if let members = filter["conditions"]?.arrayValue {
            if members.isEmpty { return true }
            let isOr = filter["logic"] == "OR"
            for member in members where try selects(member, person) == isOr { return isOr }
            return !isOr
        }
        return try meets(filter, person)
    }

    private func meets(_ condition: JSONValue, _ person: Person) throws -> Bool {
        guard let field = condition["field"]?.stringValue, let operation = condition["operator"]?.stringValue else {
            throw Unreadable(text: condition.canonicalText)
        }
        let value = condition["value"]
        if field == "tags" { return tags(operation, value, person.tags) }
        if field == "lastSeen" { return try time(operation, value, person.lastSeen) }
        if field == "yearOfBirth" { return number(operation, value, person.yearOfBirth.map { Decimal($0) }) }
        if field == "messageCount" { return number(operation, value, Decimal(person.messageCount)) }
        if field.hasPrefix("metadata.") {
            let text = Self.text(person.metadata[String(field.dropFirst("metadata.".count))])
            return metadata(operation, value, text)
        }
        let texts = ["name": person.name, "email": person.email, "contactId": person.contactID]
        let text = field == "paymentStatus" ? person.paymentStatus : texts[field] ?? nil
        return self.text(operation, value, text)
    }

    struct Unreadable: Error {
        let text: String
    }

    // MARK: Types

    private func tags(_ operation: String, _ value: JSONValue?, _ tags: [String]) -> Bool {
        let wanted = value?.arrayValue?.compactMap(\.stringValue) ?? [value?.stringValue ?? ""]
        return switch operation {
        case "contains", "contains_any": wanted.contains { tags.contains($0) }
        case "contains_all": wanted.allSatisfy { tags.contains($0) }
        case "is_null": tags.isEmpty
        case "is_not_null": !tags.isEmpty
        default: false
        }
    }

    private func text(_ operation: String, _ value: JSONValue?, _ text: String?) -> Bool {
        func words(_ value: JSONValue?) -> [UInt8] { Array((Self.text(value) ?? "").utf8) }
        if ["contains", "starts_with", "ends_with"].contains(operation), let text {
            // Compares scalars, because a combining mark is a separate character in SQL.
            let (whole, part) = (Self.folded(text), Self.folded(value?.stringValue ?? ""))
            switch operation {
            case "starts_with": return whole.starts(with: part)
            case "ends_with": return whole.reversed().starts(with: part.reversed())
            default: return part.isEmpty || whole.indices.contains { whole[$0...].starts(with: part) }
            }
        }
        // UTF-8 sorts as its code points do.
        return compare(operation, value, text.map { Array($0.utf8) }, words) { $0.lexicographicallyPrecedes($1) }
    }

    private func number(_ operation: String, _ value: JSONValue?, _ number: Decimal?) -> Bool {
        compare(operation, value, number, Self.number) { $0 < $1 }
    }

    private func time(_ operation: String, _ value: JSONValue?, _ time: Date?) throws -> Bool {
        func seconds(_ value: JSONValue?) -> Double {
            let text = value?.stringValue ?? ""
            let units: [Character: Double] = ["m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
            if text.hasPrefix("-"), let unit = text.last.flatMap({ units[$0] }) {
                return now.timeIntervalSince1970 - (Double(text.dropFirst().dropLast()) ?? .nan) * unit
            }
            let whole = text.count == 10 ? text + "T00:00:00Z" : text
            return (try? Date(whole, strategy: .iso8601))?.timeIntervalSince1970 ?? .nan
        }
        if operation == "older_than" || operation == "newer_than" {
            guard let time else { return false }
            let limit = seconds(.string("-" + (value?.stringValue ?? "")))
            return operation == "older_than" ? time.timeIntervalSince1970 < limit : time.timeIntervalSince1970 > limit
        }
        return compare(operation, value, time?.timeIntervalSince1970, seconds) { $0 < $1 }
    }

    /// Metadata is text, but a comparison with a number reads it as a number; any other text then counts as missing.
    private func metadata(_ operation: String, _ value: JSONValue?, _ text: String?) -> Bool {
        let values = value?.arrayValue ?? (value.map { [$0] } ?? [])
        // Each value of a list is compared as it would be alone.
        if operation == "in" { return values.contains { metadata("eq", $0, text) } }
        if operation == "not_in" { return values.allSatisfy { metadata("neq", $0, text) } }
        let isNumeric = values.first.map { Self.number($0).isFinite } ?? false
        guard isNumeric else { return self.text(operation, value, text) }
        let number = text.flatMap { $0.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?/) == nil ? nil : Decimal(string: $0) }
        return self.number(operation, value, number)
    }

    private func compare<Value: Equatable>(
        _ operation: String,
        _ value: JSONValue?,
        _ own: Value?,
        _ convert: (JSONValue?) -> Value,
        _ isLess: (Value, Value) -> Bool
    ) -> Bool {
        guard let own else { return operation == "is_null" }
        let others = (value?.arrayValue ?? [value ?? .null]).map { convert($0) }
        return switch operation {
        case "eq", "in": others.contains(own)
        case "neq", "not_in": !others.contains(own)
        case "lt": isLess(own, others[0])
        case "lte": !isLess(others[0], own)
        case "gt": isLess(others[0], own)
        case "gte": !isLess(own, others[0])
        case "between": !isLess(own, others[0]) && !isLess(others[1], own)
        case "is_not_null": true
        default: false
        }
    }

    // MARK: Values

    private static func folded(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.flatMap { Array(String($0).uppercased().unicodeScalars) }
    }

    /// The exact number, which has more digits than a `Double` keeps.
    private static func number(_ value: JSONValue?) -> Decimal {
        switch value {
        case .integer(let number): Decimal(number)
        case .number(let number): Decimal(string: "\(number)") ?? .nan
        default: .nan
        }
    }

    /// The result of Postgres's operator `->>`; `nil` for null and for an absent key.
    static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): "\(number)"
        case .bool(let isTrue): isTrue ? "true" : "false"
        default: nil
        }
    }
}
