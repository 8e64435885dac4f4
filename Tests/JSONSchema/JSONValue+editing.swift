public import JSON
import Spec

extension JSONValue {
    /// The value at a path, or `nil` if there is none.
    public subscript(path: [SchemaValidator.Step]) -> JSONValue? {
        path.reduce(self as JSONValue?) { value, step in
            switch step {
            case .key(let key): value?[key]
            case .index(let index): value?[index]
            }
        }
    }

    /// The same value with the element at a path replaced or removed.
    public func replacing(_ path: some Collection<SchemaValidator.Step>, with other: JSONValue?) -> JSONValue {
        guard let first = path.first else { return other ?? .null }
        let rest = path.dropFirst()
        switch (self, first) {
        case (.object(var fields), .key(let key)):
            fields[key] = rest.isEmpty ? other : (fields[key] ?? .null).replacing(rest, with: other)
            return .object(fields)
        case (.array(var items), .index(let index)) where items.indices.contains(index):
            if rest.isEmpty, other == nil {
                items.remove(at: index)
            } else {
                items[index] = items[index].replacing(rest, with: other)
            }
            return .array(items)
        default: return self
        }
    }

    /// The paths of all values within, the outer ones first.
    public var paths: [[SchemaValidator.Step]] {
        var paths: [[SchemaValidator.Step]] = [[]]
        switch self {
        case .object(let fields):
            for (key, value) in fields.sorted(by: { $0.key < $1.key }) { paths += value.paths.map { [.key(key)] + $0 } }
        case .array(let items):
            for (index, item) in items.enumerated() { paths += item.paths.map { [.index(index)] + $0 } }
        default: break
        }
        return paths
    }
}
