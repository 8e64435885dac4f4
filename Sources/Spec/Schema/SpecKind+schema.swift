extension SpecKind {
    /// The fields of this kind, beside those that all kinds have.
    var schema: SchemaObject {
        switch self {
        case .tenant: TenantSpec.schema
        case .sender: SenderSpec.schema
        case .template: TemplateSpec.schema
        case .audience: AudienceSpec.schema
        case .campaign: CampaignSpec.schema
        case .schedule: ScheduleSpec.schema
        case .trigger: TriggerSpec.schema
        }
    }

    /// What a spec of this kind is, in one sentence.
    var meaning: String {
        switch self {
        case .tenant: "Defaults and guard rails of one tenant, named like its folder."
        case .sender: "A phone number that messages are sent from."
        case .template: "A message template that is approved by WhatsApp."
        case .audience: "A named filter over contacts, which campaigns share."
        case .campaign: "A message to an audience, and what starts it."
        case .schedule: "When a campaign of type `scheduled` starts."
        case .trigger: "The event that sends a campaign of type `event_triggered`."
        }
    }
}
