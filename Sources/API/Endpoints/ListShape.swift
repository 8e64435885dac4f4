import JSON
import Spec

extension ObjectShape {
    /// A page of a list.
    static func page(of item: ObjectShape, _ name: String, _ description: String) -> ObjectShape {
        ObjectShape(
            name,
            description,
            [
                ShapeField("items", .list(.object(item), count: 0...200), isRequired: true, "The items of the page."),
                ShapeField("page", .integer(1...1_000_000), isRequired: true, "The page, from 1.", example: 1),
                ShapeField("limit", .integer(1...200), isRequired: true, "Items on a page.", example: 20),
                ShapeField("total", .sum, isRequired: true, "Items on all pages.", example: 1),
            ]
        )
    }
}

extension APICall {
    /// The answer to a request for a page.
    func page(_ items: [JSONValue], total: Int) -> APIAnswer {
        .json(["items": .array(items), "page": .integer(page), "limit": .integer(limit), "total": .integer(total)])
    }
}

extension JSONValue {
    /// The fields that have a value; an answer has no nulls.
    static func fields(_ fields: [String: JSONValue?]) -> JSONValue {
        .object(fields.compactMapValues { $0 })
    }
}
