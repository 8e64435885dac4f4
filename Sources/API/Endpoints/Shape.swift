import JSON
import Spec

/// What a JSON value must look like: said once, for checking requests and for the description of the API.
indirect enum Shape: Sendable {
    /// The formats of texts that have one.
    enum Format: String, Sendable {
        case uuid
        case dateTime = "date-time"
        /// The name of an event, as in ``TriggerEvent``.
        case eventName
        /// A time as a clock of some zone shows it; read by the reader of schedules.
        case localTime
        /// A span of time such as `6h`; read by the reader of schedules.
        case duration

        /// How it is written, where JSON Schema has no name for it.
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
    /// A text of so many Unicode scalars.
    case text(ClosedRange<Int>)
    case formatted(Format)
    case choice([String])
    case list(Shape, count: ClosedRange<Int>)
    case object(ObjectShape)
    /// An object whose keys are the caller's.
    case map(Shape, keys: ClosedRange<Int>)
    /// An object that is described and checked by the readers of specs, under the name of its schema.
    case spec(SpecSchemas.Name)
    case nullable(Shape)
    case anyOf([Shape])

    static func text(upTo limit: Int) -> Shape { .text(1...limit) }

    static let uuid = Shape.formatted(.uuid)
    static let dateTime = Shape.formatted(.dateTime)
    static let count = Shape.integer(0...Int(Int32.max))
    /// A count over many runs.
    static let sum = Shape.integer(0...(1 << 53))

    static func choice<Choice>(_ type: Choice.Type) -> Shape
    where Choice: CaseIterable & RawRepresentable<String> {
        .choice(type.allCases.map(\.rawValue))
    }
}

/// An object that takes these fields and no others.
struct ObjectShape: Sendable {
    /// Objects with a name stand once in the description, and are referred to.
    let name: String?
    let fields: [ShapeField]
    let description: String?
    /// What holds between the fields, as schemas; checked by whoever reads them.
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

    /// The same object where nothing is needed, for changes.
    func allOptional(_ name: String, _ description: String) -> ObjectShape {
        let fields = fields.map { ShapeField($0.name, $0.shape, $0.description, example: $0.example) }
        return ObjectShape(name, description, fields)
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
