import Foundation
import JSON
import Spec
import Spelling

/// A parameter in the query of an address.
struct QueryParameter: Sendable {
    let name: String
    let shape: Shape
    let description: String
    /// The value if the request has none.
    var fallback: JSONValue?
    var example: JSONValue?

    init(_ name: String, _ shape: Shape, _ description: String, fallback: JSONValue? = nil, example: JSONValue? = nil) {
        self.name = name
        self.shape = shape
        self.description = description
        self.fallback = fallback
        self.example = example
    }

    static let page = QueryParameter("page", .integer(1...1_000_000), "Page number, from 1.", fallback: 1, example: 1)
    static let limit = QueryParameter("limit", .integer(1...200), "Items per page.", fallback: 20, example: 20)

    /// Splits a query into names and values, in their order.
    ///
    /// - Throws: ``Problem`` for escapes that are not UTF-8.
    static func parse(_ query: String?) throws(Problem) -> [(name: String, value: String)] {
        var values: [(name: String, value: String)] = []
        for part in (query ?? "").split(separator: "&") {
            let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(pieces[0]), let value = decoded(pieces.count == 2 ? pieces[1] : "") else {
                throw Problem(.invalidParameter, "the query has an escape that is not UTF-8")
            }
            values.append((name, value))
        }
        return values
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }

    /// Converts the text of a value to the type of the shape, and checks it.
    func value(_ text: String) throws(Problem) -> JSONValue {
        let value: JSONValue
        switch shape {
        case .integer:
            guard let number = Int(text), String(number) == text else {
                throw .parameter(name, "is not a whole number")
            }
            value = .integer(number)
        case .bool:
            guard ["true", "false"].contains(text) else { throw .parameter(name, "is neither true nor false") }
            value = .bool(text == "true")
        default: value = .string(text)
        }
        if let problem = (shape.problems(of: value) + value.unstorableTexts()).first {
            throw .parameter(name, problem.message)
        }
        return value
    }
}

extension [QueryParameter] {
    /// Checks the values of a request; absent parameters get their fallback.
    func values(_ given: [(name: String, value: String)]) throws(Problem) -> [String: JSONValue] {
        var values: [String: JSONValue] = [:]
        for (name, text) in given {
            guard let parameter = first(where: { $0.name == name }) else {
                let names = map(\.name)
                let help =
                    SpellingSuggestion.help(for: name, among: names, what: "known are") ?? "this address takes none"
                throw .parameter(String(name.prefix(100)), "unknown parameter; \(help)")
            }
            guard values[name] == nil else { throw .parameter(name, "is given twice") }
            values[name] = try parameter.value(text)
        }
        for parameter in self where values[parameter.name] == nil { values[parameter.name] = parameter.fallback }
        return values
    }
}
