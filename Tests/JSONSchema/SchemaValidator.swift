import Foundation
public import JSON
import Spec

/// Checks values against a JSON Schema (draft-07), with the keywords that our schemas use and no others.
///
/// Any other keyword is an error, because the tests would not check it.
public struct SchemaValidator: Sendable {
    /// An error in a value.
    public struct Failure: Sendable, CustomStringConvertible {
        public let path: String
        public let message: String

        public var description: String { "\(path.isEmpty ? "/" : path): \(message)" }
    }

    /// A mapping of the value that a closed schema applies to.
    public struct ClosedObject: Sendable {
        public let path: [Step]
        public let properties: Set<String>
    }

    /// A step from a value into a part of it.
    public enum Step: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    private let root: JSONValue

    public init(_ schema: JSONValue) {
        root = schema
    }

    /// The errors of a value; empty if it is valid.
    public func failures(of value: JSONValue) -> [Failure] {
        var visit = Visit(root: root)
        visit.check(value, root, [])
        return visit.failures
    }

    public func isValid(_ value: JSONValue) -> Bool { Visit(root: root).isValid(value, root, []) }

    /// The mappings of a value that closed schemas apply to.
    public func closedObjects(in value: JSONValue) -> [ClosedObject] {
        var visit = Visit(root: root)
        visit.check(value, root, [])
        return visit.closed
    }
}

extension SchemaValidator {
    struct Visit {
        let root: JSONValue
        var failures: [Failure] = []
        var closed: [ClosedObject] = []
        /// True to stop at the first error.
        private var isQuick = false

        init(root: JSONValue) {
            self.root = root
        }

        /// Annotations for people, which have no effect on validity.
        private static let annotations: Set<String> = [
            "$schema", "$id", "title", "description", "examples", "enumDescriptions", "definitions", "default",
        ]

        mutating func check(_ value: JSONValue, _ schema: JSONValue, _ path: [Step]) {
            switch schema {
            case .bool(let isAllowed): if !isAllowed { fail(path, "nothing is allowed here") }
            case .object(let keywords):
                if let reference = keywords["$ref"]?.stringValue { return check(value, resolve(reference), path) }
                for (keyword, word) in keywords where !Self.annotations.contains(keyword) {
                    if isQuick, !failures.isEmpty { return }
                    let isKnown =
                        checkAny(keyword, word, value, path) || checkText(keyword, word, value, path)
                        || checkNumber(keyword, word, value, path) || checkList(keyword, word, value, path)
                        || checkObject(keyword, word, value, path, in: keywords)
                        || checkLogic(keyword, word, value, path, in: keywords)
                    if !isKnown { fail(path, "the schema has the unknown keyword `\(keyword)`") }
                }
            default: fail(path, "the schema is neither a mapping nor a boolean")
            }
        }

        func isValid(_ value: JSONValue, _ schema: JSONValue, _ path: [Step]) -> Bool {
            var visit = Visit(root: root)
            visit.isQuick = true
            visit.check(value, schema, path)
            return visit.failures.isEmpty
        }

        mutating func fail(_ path: [Step], _ message: String) {
            failures.append(Failure(path: path.map { "/\($0)" }.joined(), message: message))
        }

        private mutating func resolve(_ reference: String) -> JSONValue {
            var current = root
            for step in reference.split(separator: "/").dropFirst() {
                guard let next = current[String(step)] else {
                    fail([], "the schema refers to `\(reference)`, which it lacks")
                    return true
                }
                current = next
            }
            return current
        }
    }
}

extension SchemaValidator.Step: CustomStringConvertible {
    public var description: String {
        switch self {
        case .key(let key): key
        case .index(let index): String(index)
        }
    }
}
