/// How texts of a form are written, as regular expressions of JSON Schema (ECMA-262): for specs and for the HTTP API.
package enum TextPattern {
    /// A span of time such as `6h`, longer than nothing.
    package static let duration = "^(?=.*[1-9])[0-9]{1,9}[smhd]$"
    /// A time as a clock of some zone shows it; a date alone is its midnight.
    package static let localTime = "^\(date)(T\(hour):[0-5][0-9](:[0-5][0-9])?)?$"

    /// A phone number with its country code: 7 to 15 digits, with blanks, brackets and hyphens between them.
    static let phoneNumber = "^\\+?[1-9]([ ()-]*[0-9]){6,14}$"

    /// A day, without what would bind it to the ends of the text.
    static let date = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    /// An hour of a day, the same.
    static let hour = "([01][0-9]|2[0-3])"
}
