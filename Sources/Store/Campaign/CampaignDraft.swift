public import Foundation
public import JSON
public import Spec

/// The checked content of a campaign that was not sent yet.
public struct CampaignDraft: Sendable {
    public var name: String
    public var title: String?
    public var type: CampaignType
    public var sourceModule: String?
    public var sourceReferenceID: String?
    public var senderID: UUID?
    /// The WhatsApp payload without recipient.
    public var message: JSONValue
    public var templateID: UUID?
    public var templateParams: JSONValue?
    public var audienceFilter: JSONValue?
    public var scheduledAt: Date?
    public var triggerType: String?
    public var triggerConfig: JSONValue?
    /// The reaction when WhatsApp caps a person; `nil` is that of the tenant.
    public var onUserCap: JSONValue?

    public init(name: String, type: CampaignType, message: JSONValue) {
        self.name = name
        self.type = type
        self.message = message
    }

    /// Makes a draft of a stored campaign.
    public init(_ record: CampaignRecord) {
        self.init(name: record.name, type: record.type, message: record.message)
        title = record.title
        sourceModule = record.sourceModule
        sourceReferenceID = record.sourceReferenceID
        senderID = record.senderID
        templateID = record.templateID
        templateParams = record.templateParams
        audienceFilter = record.audienceFilter
        scheduledAt = record.scheduledAt
        triggerType = record.triggerType
        triggerConfig = record.triggerConfig
        onUserCap = record.onUserCap
    }
}
