import Foundation

/// Writes specs, five in each file and a hundred files for each tenant; the same number gives the same specs.
struct SpecGenerator {
    private static let specsInFile = 5
    private static let filesInTenant = 100

    let specs: Int

    func write(into folder: String) throws {
        let root = URL(filePath: folder, directoryHint: .isDirectory)
        for file in 0..<(specs / Self.specsInFile) {
            let (tenant, number) = (file / Self.filesInTenant, file % Self.filesInTenant)
            let directory = root.appending(path: "tenant-\(tenant)")
            if number == 0 { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }
            let text = content(number) + (number == 0 ? settings(tenant) : scheduled(number))
            try Data(text.utf8).write(to: directory.appending(path: "campaign-\(number).yaml"))
        }
    }

    private func settings(_ tenant: Int) -> String {
        """
        ---
        # What holds for the whole tenant.
        kind: Tenant
        name: tenant-\(tenant)
        timeZone: Africa/Nairobi
        quietHours: { from: "21:00", to: "07:30", action: wait }
        defaults: { sender: main, language: en }
        ---
        kind: Sender
        name: main
        phoneNumberId: "\(254_700_000_000 + tenant)"
        accessToken: env:WHATSAPP_TOKEN_\(tenant)
        tier: 3

        """
    }

    private func content(_ number: Int) -> String {
        """
        kind: Template
        name: template-\(number)
        whatsappName: template_\(number)
        category: marketing
        body: "Hi {{1}}, this is offer \(number): {{2}} off until the end of the week, in every shop."
        footer: Reply STOP to unsubscribe
        buttons:
          - { type: url, text: Read on, url: "https://shop.acme.example/offers/\(number)" }
        ---
        kind: Audience
        name: audience-\(number)
        logic: AND
        conditions:
          - { field: tags, operator: contains_any, value: [vip, gold, segment-\(number)] }
          - logic: OR
            conditions:
              - { field: lastSeen, operator: lt, value: "-\(number + 1)d" }
              - { field: metadata.plan, operator: eq, value: premium }
        ---
        # Somebody launches this one.
        kind: Campaign
        name: campaign-\(number)
        title: Campaign \(number)
        type: manual
        template: template-\(number)
        params:
          "1": "{{name|there}}"
          "2": "\(number % 40 + 5) %"
        audience: audience-\(number)

        """
    }

    private func scheduled(_ number: Int) -> String {
        """
        ---
        kind: Campaign
        name: weekly-\(number)
        title: Weekly \(number)
        type: scheduled
        template: template-\(number)
        params: { "1": "{{name|there}}", "2": "10 %" }
        audience: audience-\(number)
        ---
        kind: Schedule
        name: weekly-\(number)
        campaign: weekly-\(number)
        cron: "\(number % 60) 9 * * MON"
        timeZone: Africa/Nairobi
        misfire: runOnce
        misfireWindow: 6h

        """
    }
}
