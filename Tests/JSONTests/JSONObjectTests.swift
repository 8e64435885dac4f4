import JSON
import Testing

struct JSONObjectTests {
    @Test func keepsItsFieldsSortedAndEachKeyOnce() {
        var object: JSONObject = ["b": 1, "a": 2, "b": 3]
        #expect(object.keys == ["a", "b"])
        #expect(object.values == [2, 3])
        object["aa"] = true
        object["a"] = nil
        object["missing"] = nil
        #expect(object.map { "\($0.key)=\($0.value)" } == ["aa=true", "b=3"])
        #expect(object["a"] == nil)
        #expect(object["b"] == 3)
    }

    /// Compares short and long objects with a dictionary after random operations.
    @Test func behavesLikeADictionary() {
        var random = SystemRandomNumberGenerator()
        var object = JSONObject()
        var dictionary: [String: JSONValue] = [:]
        for step in 0..<5_000 {
            // First few keys, then many.
            let key = "key-\(Int.random(in: 0..<(step < 1_000 ? 8 : 60), using: &random))"
            let value: JSONValue? = Bool.random(using: &random) ? .integer(step) : nil
            object[key] = value
            dictionary[key] = value
            #expect(object[key] == dictionary[key])
            #expect(object.count == dictionary.count)
        }
        #expect(object == JSONObject(unique: dictionary))
        #expect(JSONValue.object(object).objectValue == dictionary)
    }

    @Test func isEqualWhateverTheOrder() throws {
        let one = try JSONValue(parsing: #"{"zone": {"b": [1], "a": null}, "at": 7}"#)
        let other = try JSONValue(parsing: #"{"at": 7, "zone": {"a": null, "b": [1]}}"#)
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one.canonicalText == #"{"at":7,"zone":{"a":null,"b":[1]}}"#)
    }

    @Test(arguments: [2, 16, 17, 200])
    func findsTheKeyThatComesTwice(fields: Int) throws {
        let text = (0..<fields).map { "\"key\($0)\":0" }.joined(separator: ",")
        let offset = text.utf8.count + 2
        #expect(throws: JSONError.duplicateKey("key1", offset: offset)) {
            try JSONValue(parsing: "{\(text),\"key1\":0}")
        }
        #expect(try JSONValue(parsing: "{\(text)}").fields?.count == fields)
    }
}
