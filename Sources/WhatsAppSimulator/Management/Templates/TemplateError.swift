import Foundation

/// The errors of the management side, by the subcodes of the real service.
extension GraphError {
    /// Makes an error of a template; its text is in the parts for users, as the real service has it.
    static func template(_ subcode: Int?, _ title: String, _ text: String, code: Int = 100) -> GraphError {
        var error = GraphError(code: code, subcode: subcode, message: code == 100 ? "Invalid parameter" : nil)
        error.userTitle = title
        error.userText = text
        return error
    }

    /// Makes the error of a value that the call may not have.
    static func argument(_ text: String) -> GraphError { template(nil, "Invalid parameter", text) }

    static func tooLong(_ place: String, _ most: Int) -> GraphError {
        template(2_388_040, "Text is too long", "\(place) can have at most \(most) characters.")
    }

    /// Makes the error of a header, body or footer whose form is wrong.
    static func form(_ kind: String, _ text: String) -> GraphError {
        let subcode =
            switch kind {
            case "HEADER": 2_388_047
            case "FOOTER": 2_388_073
            default: 2_388_072
            }
        return template(subcode, "\(kind.capitalized) format is incorrect", text)
    }

    static func missingField(_ kind: String, _ field: String) -> GraphError {
        template(
            2_388_043,
            "Message template is missing an expected field",
            "component of type \(kind) is missing expected field(s) (\(field))"
        )
    }

    static func exists(_ language: String) -> GraphError {
        template(
            2_388_024,
            "Content in this language already exists",
            "There is already \(language) content for this template."
        )
    }

    static func beingDeleted(_ language: String, until: String) -> GraphError {
        template(
            2_388_023,
            "Message template language is being deleted",
            "New \(language) content cannot be added while the existing \(language) content is being deleted. "
                + "Try again in \(until), or use another name."
        )
    }

    static func notEditable(_ text: String) -> GraphError {
        template(2_388_039, "Message template cannot be changed", text)
    }

    static func noTemplate(_ name: String) -> GraphError {
        template(2_593_002, "Message template not found", "The template '\(name)' does not exist in this account.")
    }
}
