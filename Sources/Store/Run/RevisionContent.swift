public import Spec

/// The frozen content of a campaign: what every message of a run is made from.
public struct RevisionContent: Hashable, Sendable {
    /// The WhatsApp payload without its recipient; placeholders stand in its texts.
    public let message: JSONValue
    public let audience: AudienceFilter

    /// Reads both from their stored form.
    ///
    /// - Throws: What is wrong with the filter.
    public init(message: JSONValue, audience: JSONValue) throws {
        self.message = message
        self.audience = try AudienceFilter(json: audience)
    }

    /// Reads the stored content of a revision.
    public init(json: JSONValue) throws {
        try self.init(message: json["message"] ?? .null, audience: json["audience"] ?? .null)
    }

    public var json: JSONValue { .object(["message": message, "audience": audience.json]) }

    /// Free text may be sent within 24 hours of the contact's last message only.
    public var isFreeText: Bool { message["type"] != .string("template") }
}
