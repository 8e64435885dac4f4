public import JSON
public import Spec

/// The frozen content of a campaign: what every message of a run is made from.
public struct RevisionContent: Hashable, Sendable {
    /// The WhatsApp payload without its recipient; placeholders stand in its texts.
    public let message: JSONValue
    /// `nil` if events or modules name the recipients.
    public let audience: AudienceFilter?

    /// Reads both from their stored form.
    ///
    /// - Throws: What is wrong with the filter.
    public init(message: JSONValue, audience: JSONValue?) throws {
        self.message = message
        self.audience = try audience.map { try AudienceFilter(json: $0) }
    }

    /// Reads the stored content of a revision.
    public init(json: JSONValue) throws {
        try self.init(message: json["message"] ?? .null, audience: json["audience"])
    }

    public var json: JSONValue {
        var fields = ["message": message]
        fields["audience"] = audience?.json
        return .object(fields)
    }

    /// Free text may be sent within 24 hours of the contact's last message only.
    public var isFreeText: Bool { message["type"] != .string("template") }
}
