package import Foundation

extension UUID {
    /// The id as answers have it: in small letters.
    package var apiText: String { uuidString.lowercased() }
}
