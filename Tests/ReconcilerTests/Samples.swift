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
    static let parts = [sender, template, audience, campaign, raw, event]
    static let all = parts.joined(separator: "\n---\n")
}
