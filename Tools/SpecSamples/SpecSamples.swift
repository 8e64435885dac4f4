/// Specs and filters that the fuzzer and the tests mutate.
public enum SpecSamples {
    /// Documents of one tenant, of all kinds.
    public static let specs = [
        """
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        tier: 2
        quotaGroup: g
        """,
        """
        kind: Template
        name: hello
        whatsappName: hello
        language: en
        category: utility
        header: "On {{1}}"
        body: "Hi {{1}} ü {{2}}"
        buttons: [{ type: url, text: Go, url: "https://x/{{1}}" }]
        """,
        """
        kind: Campaign
        name: c
        type: manual
        sender: main
        template: hello
        params: { "1": "{{name|there}}", header: x, "2": "{{metadata.é}}", button.0: why }
        audience:
          logic: OR
          conditions:
            - { field: tags, operator: contains_any, value: [vip] }
            - not: { field: lastSeen, operator: lt, value: -7d }
            - &x { field: metadata.age, operator: in, value: [1, 2.5] }
            - *x
        """,
        """
        kind: Tenant
        name: acme
        timeZone: Africa/Nairobi
        quietHours: { from: "21:00", to: "07:00" }
        frequencyCap: { messages: 3, within: 7d }
        policy: { maxCampaigns: 1, allowedCategories: [marketing], minScheduleInterval: 1h }
        defaults: { sender: main, language: en }
        """,
        """
        kind: Campaign
        name: d
        type: scheduled
        message:
          type: interactive
          interactive:
            type: button
            body: { text: "{{name}}" }
            action: { buttons: [{ type: reply, reply: { id: a, title: A } }] }
        audience:
          conditions:
            - { field: lastSeen, operator: is_not_null }
            - not: { field: lastSeen, operator: lt, value: -1h }
        """,
        """
        kind: Schedule
        name: s
        campaign: d
        cron: "0 9 * * FRI#2"
        timeZone: Europe/Berlin
        from: 2026-01-01
        until: 2027-01-01T12:00
        dst: { gap: skip, fold: both }
        """,
        """
        kind: Trigger
        name: t
        campaign: c
        event: payment.overdue
        match: { a: 1, b: true }
        cooldown: 24h
        """,
        """
        kind: Audience
        name: regulars
        logic: OR
        conditions:
          - { field: messageCount, operator: gte, value: 3 }
          - { field: metadata.plan, operator: in, value: [gold, premium] }
        """,
    ]

    /// Filters as the API takes them.
    public static let filters = [
        #"{"logic":"OR","conditions":[{"field":"tags","operator":"contains","value":"vip"},{"not":{"field":"lastSeen","operator":"gte","value":"-7d"}}]}"#,
        #"{"field":"metadata.plan","operator":"not_in","value":["a\u00e9\ud83d\ude00",1.50,1e3,true]}"#,
        #"{"field":"yearOfBirth","operator":"in","value":[1990,2.5]}"#,
    ]
}
