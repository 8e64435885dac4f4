import JSON
import Spec

/// Whether an event is one that a campaign waits for; a pure function.
enum TriggerMatch {
    /// Whether a context holds everything that a configuration asks for.
    ///
    /// Objects are compared key by key and may hold more than is asked; numbers by their value, so that 1 is 1.0;
    /// everything else has to be the same. A campaign that asks for nothing takes every event.
    static func holds(_ wanted: JSONValue?, in context: JSONValue?) -> Bool {
        switch (wanted, context) {
        case (nil, _), (.null?, nil), (.null?, .null?): true
        case (.object(let fields)?, _) where fields.isEmpty: true
        case (.object(let fields)?, .object(let found)?): fields.allSatisfy { holds($0.value, in: found[$0.key]) }
        case (.integer(let number)?, .number(let found)?): Double(number) == found
        case (.number(let number)?, .integer(let found)?): number == Double(found)
        case (let wanted?, let found?): wanted == found
        default: false
        }
    }
}
