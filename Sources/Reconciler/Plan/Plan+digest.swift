import Crypto
import Foundation
import JSON
import Spec

extension Plan {
    /// What names exactly this plan: `sha256:` and 64 digits.
    ///
    /// It covers what is done, to which content, in which database and after which application, but not the counted
    /// recipients. As each application moves the base, no digest can be applied twice.
    public var digest: String {
        let operations = changes.map { change -> JSONValue in
            var operation: [String: JSONValue] = [
                "action": .string(change.action.rawValue), "id": .string(change.identity.description),
            ]
            if change.isAdoption { operation["adopts"] = true }
            operation["row"] = change.rowID.map { .string($0.uuidString) }
            operation["before"] = change.before
            operation["after"] = change.after
            return .object(operation)
        }
        let subject: JSONValue = [
            "formatVersion": .integer(Self.formatVersion), "database": .string(database),
            "baseHistoryId": .integer(baseHistoryID), "operations": .array(operations),
        ]
        return "sha256:" + SHA256.hash(data: Data(subject.canonicalText.utf8)).hexText
    }
}
