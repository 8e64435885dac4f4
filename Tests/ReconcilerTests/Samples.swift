/// Specs that tests begin with.
enum Samples {
    static let sender = """
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        """
    static let template = """
        kind: Template
        name: offer
        whatsappName: offer
        language: en
        category: marketing
        header: Hello
        body: "Hi {{1}}, look here."
        footer: Bye
        buttons:
          - { type: quickReply, text: More }
          - { type: url, text: Shop, url: "https://acme.example/{{1}}" }
        """
    static let audience = """
        kind: Audience
        name: vips
        logic: AND
        conditions:
          - { field: tags, operator: contains_any, value: [vip, gold] }
          - { field: messageCount, operator: gte, value: 0 }
        """
    static let campaign = """
        kind: Campaign
        name: hello
        title: Hello there
        type: manual
        sender: main
        template: offer
        params: { "1": "{{name|you}}", button.1: "{{contactId}}" }
        audience: vips
        """
    static let raw = """
        kind: Campaign
        name: raw
        type: manual
        sender: main
        message: { type: location, location: { latitude: 1.50, longitude: 36, name: Shop } }
        audience:
          conditions:
            - { field: lastSeen, operator: gt, value: "2025-01-01" }
            - { field: metadata.score, operator: gt, value: 2.5 }
        """
    static let event = """
        kind: Campaign
        name: event
        type: module_initiated
        sender: main
        template: offer
        params: { "1": "{{context.x}}", button.1: "{{context.y}}" }
        protect: true
        """
    static let tenant = """
        kind: Tenant
        name: acme
        timeZone: Africa/Nairobi
        quietHours: { from: "21:00", to: "08:00" }
        frequencyCap: { messages: 3, within: 7d }
        defaults: { sender: main, language: en }
        policy: { maxRecipients: 1000, allowedCategories: [marketing, utility] }
        optOutWords: [wacha]
        """
    static let digest = """
        kind: Campaign
        name: digest
        type: scheduled
        sender: main
        message: { type: text, text: { body: News } }
        audience: vips
        """
    static let weekly = """
        kind: Schedule
        name: weekly
        campaign: digest
        cron: "0 9 * * MON"
        timeZone: Africa/Nairobi
        from: 2025-01-01
        until: 2031-01-01
        maxRuns: 12
        dst: { gap: skip }
        """
    static let once = """
        kind: Schedule
        name: once
        campaign: digest
        at: 2026-12-01T09:00
        timeZone: Africa/Nairobi
        """
    static let overdue = """
        kind: Campaign
        name: overdue
        type: event_triggered
        sender: main
        message: { type: text, text: { body: "Pay {{context.amount}}" } }
        """
    static let onOverdue = """
        kind: Trigger
        name: on-overdue
        campaign: overdue
        event: payment.overdue
        match: { plan: premium, level: 2 }
        cooldown: 24h
        """
    static let parts = [sender, template, audience, campaign, raw, event]
    static let all = parts.joined(separator: "\n---\n")
    /// Specs of all kinds.
    static let everythingParts = [tenant] + parts + [digest, weekly, once, overdue, onOverdue]
    static let everything = everythingParts.joined(separator: "\n---\n")
    static let everythingCount = everythingParts.count
}
