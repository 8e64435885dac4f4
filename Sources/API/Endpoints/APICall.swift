import AccessTokens
import Foundation
import HTTPTypes
import JSON
import Logging
import Spec

/// A request whose every part was checked against its endpoint.
struct APICall: Sendable {
    let caller: Caller
    let path: [String: UUID]
    let query: [String: JSONValue]
    /// `null` when there is none.
    let body: JSONValue
    let accept: String?
    let requestID: String
    let logger: Logger

    var tenant: String { caller.tenantID }

    /// The id in the path.
    func id(_ name: String = "id") throws(Problem) -> UUID {
        guard let id = path[name] else { throw .notFound("thing") }
        return id
    }

    var page: Int { query["page"]?.integerValue ?? 1 }
    var limit: Int { query["limit"]?.integerValue ?? 20 }

    func text(_ name: String) -> String? { query[name]?.stringValue }
}
