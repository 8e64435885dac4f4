/// One variable of a template that a campaign gives a value.
public struct TemplateParameter: Hashable, Sendable {
    /// The part of the message that holds the variable.
    public enum Part: Hashable, Sendable {
        case header
        case body
        /// A button, by its index from 0.
        case button(Int)
    }

    /// The key in `params`: `1` or `first_name` for the body, `header` for a positional header, `button.0` for buttons.
    public let key: String
    public let part: Part
    /// The name within WhatsApp, for templates with named variables; `nil` for positional ones.
    public let name: String?

    /// Makes a parameter.
    public init(key: String, part: Part, name: String? = nil) {
        (self.key, self.part, self.name) = (key, part, name)
    }
}
