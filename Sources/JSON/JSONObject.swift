/// The fields of a JSON object, sorted by their keys, each key once.
///
/// Objects are small, so a few comparisons find a field faster than a hash table does, and equal objects are equal
/// lists. Add many fields at once with ``init(unique:)``, not one by one.
///
/// ```swift
/// var fields: JSONObject = ["type": "text"]
/// fields["text"] = "Hi"
/// print(JSONValue.object(fields))  // {"text":"Hi","type":"text"}
/// ```
public struct JSONObject: Hashable, Sendable {
    private struct Field: Hashable, Sendable {
        let key: String
        var value: JSONValue
    }

    /// The number of fields up to which they are searched linearly.
    private static let short = 8

    private var fields: [Field] = []

    /// Makes an object without fields.
    public init() {}

    /// Makes an object without fields, with room for some.
    public init(minimumCapacity: Int) {
        fields.reserveCapacity(minimumCapacity)
    }

    /// Makes an object of fields in any order, of which no two have the same key.
    public init(unique pairs: some Sequence<(key: String, value: JSONValue)>) {
        fields = pairs.map { Field(key: $0.key, value: $0.value) }
        fields.sort { $0.key < $1.key }
    }

    private init(sorted fields: [Field]) {
        self.fields = fields
    }

    /// The value of a key; `nil` if the object lacks the key, and setting `nil` removes the field.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { fields[$0].value } }
        set {
            let position = lowerBound(of: key)
            let isPresent = position < fields.count && fields[position].key == key
            switch (newValue, isPresent) {
            case (let value?, true): fields[position].value = value
            case (let value?, false) where position == fields.count: fields.append(Field(key: key, value: value))
            case (let value?, false): fields.insert(Field(key: key, value: value), at: position)
            case (nil, true): fields.remove(at: position)
            case (nil, false): break
            }
        }
    }

    /// Returns the place of a key among the fields.
    func position(of key: String) -> Int? {
        guard fields.count > Self.short else { return fields.firstIndex { $0.key == key } }
        let position = lowerBound(of: key)
        return position < fields.count && fields[position].key == key ? position : nil
    }

    /// Returns the index of a key, or the index to insert it at.
    private func lowerBound(of key: String) -> Int {
        // Many writers add fields in sorted order.
        guard let last = fields.last, !(last.key < key) else { return fields.count }
        var (low, high) = (0, fields.count)
        while low < high {
            let middle = (low + high) / 2
            if fields[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Returns true if any value meets a condition; reads the values in place.
    package func hasValue(where condition: (JSONValue) -> Bool) -> Bool {
        fields.contains { condition($0.value) }
    }

    /// The keys, sorted.
    public var keys: [String] { fields.map(\.key) }

    /// The values in the order of their keys.
    public var values: [JSONValue] { fields.map(\.value) }

    /// Returns the fields that meet a condition.
    public func filter(_ isIncluded: ((key: String, value: JSONValue)) throws -> Bool) rethrows -> JSONObject {
        JSONObject(sorted: try fields.filter { try isIncluded(($0.key, $0.value)) })
    }

    /// Returns the same keys with other values.
    public func mapValues(_ transform: (JSONValue) throws -> JSONValue) rethrows -> JSONObject {
        JSONObject(sorted: try fields.map { Field(key: $0.key, value: try transform($0.value)) })
    }
}

extension JSONObject: RandomAccessCollection {
    public var startIndex: Int { 0 }

    public var endIndex: Int { fields.count }

    public subscript(position: Int) -> (key: String, value: JSONValue) {
        (fields[position].key, fields[position].value)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object; of a repeated key, the last value counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(minimumCapacity: elements.count)
        for (key, value) in elements { self[key] = value }
    }
}
