import Foundation

extension UUID {
    /// The id as answers have it: in small letters.
    var apiText: String { uuidString.lowercased() }
}
