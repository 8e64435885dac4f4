import JSON
import Spec

/// The type of a JSON value.
///
/// Requests are checked against it, and the OpenAPI document is written from it.
indirect enum Shape: Sendable {
    /// Formats of texts.
    enum Format: String, Sendable {
        case uuid
        case dateTime = "date-time"
        /// The name of an event, as in ``TriggerEvent``.
        case eventName
        /// A local time without a zone; the reader of schedules checks it.
        case localTime
        /// A duration such as `6h`; the reader of schedules checks it.
        case duration

        /// The pattern of a format that JSON Schema has no name for.
        var pattern: String? {
            switch self {
            case .uuid, .dateTime: nil
            case .eventName: "^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
            case .localTime: TextPattern.localTime
            case .duration: TextPattern.duration
            }
        }
    }

    case any
    case null
    case bool
    case integer(ClosedRange<Int>)
    case number
    /// A text; the range counts Unicode scalars.
    case text(ClosedRange<Int>)
    case formatted(Format)
    case choice([String])
    case list(Shape, count: ClosedRange<Int>)
    case object(ObjectShape)
    /// An object with any keys.
    case map(Shape, keys: ClosedRange<Int>)
    /// An object that the readers of specs check; its schema comes from there too.
    case spec(SpecSchemas.Name)
    case nullable(Shape)
    case anyOf([Shape])

    static func text(upTo limit: Int) -> Shape { .text(1...limit) }

    static let uuid = Shape.formatted(.uuid)
    static let dateTime = Shape.formatted(.dateTime)
    static let count = Shape.integer(0...Int(Int32.max))
    /// A count over all runs of a campaign or tenant.
    static let sum = Shape.integer(0...(1 << 53))

    static func choice<Choice>(_ type: Choice.Type) -> Shape
    where Choice: CaseIterable & RawRepresentable<String> {
        .choice(type.allCases.map(\.rawValue))
    }
}

/// An object with these fields and no others.
struct ObjectShape: Sendable {
    /// Name in the OpenAPI document; `nil` writes the schema out where it is used.
    let name: String?
    let fields: [ShapeField]
    let description: String?
    /// Rules between fields, as JSON Schema; the reader of the object checks them.
    let rules: [JSONValue]

    init(
        _ name: String? = nil,
        _ description: String? = nil,
        _ fields: [ShapeField],
        rules: [JSONValue] = []
    ) {
        self.name = name
        self.description = description
        self.fields = fields
        self.rules = rules
    }

    /// Returns the same fields, all optional: the body of a `PATCH`.
    func allOptional(_ name: String, _ description: String) -> ObjectShape {
        let fields = fields.map { ShapeField($0.name, $0.shape, $0.description, example: $0.example) }
        return ObjectShape(name, description, fields)
    }

    /// Makes the shape of a page of a list.
    static func page(of item: ObjectShape, _ name: String, _ description: String) -> ObjectShape {
        ObjectShape(
            name,
            description,
            [
                ShapeField("items", .list(.object(item), count: 0...200), isRequired: true, "Items of the page."),
                ShapeField("page", .integer(1...1_000_000), isRequired: true, "Page number, from 1.", example: 1),
                ShapeField("limit", .integer(1...200), isRequired: true, "Items per page.", example: 20),
                ShapeField("total", .sum, isRequired: true, "Items on all pages.", example: 1),
            ]
        )
    }
}

/// One field of an object.
struct ShapeField: Sendable {
    let name: String
    let shape: Shape
    let isRequired: Bool
    let description: String
    let example: JSONValue?

    init(
        _ name: String,
        _ shape: Shape,
        isRequired: Bool = false,
        _ description: String,
        example: JSONValue? = nil
    ) {
        self.name = name
        self.shape = shape
        self.isRequired = isRequired
        self.description = description
        self.example = example
    }
}
