/// Checks that each schedule and trigger has a campaign that it can start, and the reverse.
struct StartChecker {
    private let index: SpecIndex

    init(index: SpecIndex) {
        self.index = index
    }

    /// Checks the schedules and triggers among some specs, in the order given.
    func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for located in specs {
            if let schedule = located.as(ScheduleSpec.self) {
                check(schedule, schedule.value.campaign, .scheduled, .notScheduled, &found)
            } else if let trigger = located.as(TriggerSpec.self) {
                check(trigger, trigger.value.campaign, .eventTriggered, .notEventTriggered, &found)
            }
        }
    }

    private func check(
        _ start: Located<some SpecContent>,
        _ name: String,
        _ type: CampaignType,
        _ code: DiagnosticCode,
        _ found: inout [Diagnostic]
    ) {
        guard
            let campaign = index.find(
                CampaignSpec.self,
                name,
                field: "campaign",
                of: start,
                sound: ["type"],
                &found
            ), campaign.value.type != type
        else { return }
        let actual = campaign.value.type.rawValue
        let kind = start.identity.kind.rawValue
        let message = "\(kind) `\(start.identity.name)` cannot start `\(name)`, a campaign with `type: \(actual)`"
        let related = Diagnostic.Related(place: campaign.place(of: "type"), label: "its type")
        let other = campaign.value.type.start.map { ", or make this a `kind: \($0.rawValue)`" } ?? ""
        let help = "give the campaign `type: \(type.rawValue)`\(other)"
        let place = start.place(of: "campaign")
        found.append(Diagnostic(code, at: place, field: "campaign", message, help: help, related: related))
    }

    /// Finds campaigns with more than one trigger, and campaigns that nothing starts.
    func checkCampaigns(_ found: inout [Diagnostic]) {
        let sound = index.allSound(TriggerSpec.self, ["campaign", "event"])
        let triggers = Dictionary(grouping: sound) { $0.campaignIdentity($0.value.campaign) }
        for group in triggers.values {
            // Each trigger after the first one in the order of the files is reported.
            let inOrder = group.sorted { $0.place < $1.place }
            for second in inOrder.dropFirst() { found.append(secondTrigger(second, after: inOrder[0])) }
        }
        let scheduled = Set(
            index.allSound(ScheduleSpec.self, ["campaign"]).map { $0.campaignIdentity($0.value.campaign) }
        )
        let triggered = Set(
            index.allSound(TriggerSpec.self, ["campaign"]).map { $0.campaignIdentity($0.value.campaign) }
        )
        for campaign in index.allSound(CampaignSpec.self, ["type"]) {
            guard let kind = campaign.value.type.start else { continue }
            let isStarted = (kind == .trigger ? triggered : scheduled).contains(campaign.identity)
            // A document with errors may be the missing one.
            if !isStarted, !index.hasBroken(kind, tenant: campaign.identity.tenant, "campaign") {
                found.append(neverStarts(campaign, kind))
            }
        }
    }

    private func secondTrigger(_ second: Located<TriggerSpec>, after first: Located<TriggerSpec>) -> Diagnostic {
        let message = "campaign `\(second.value.campaign)` has a trigger already"
        let related = Diagnostic.Related(
            place: first.place(of: "campaign"),
            label: "triggered by `\(first.value.event)`"
        )
        let help = "use a campaign of its own for `\(second.value.event)`"
        let place = second.place(of: "campaign")
        return Diagnostic(.secondTrigger, at: place, field: "campaign", message, help: help, related: related)
    }

    private func neverStarts(_ campaign: Located<CampaignSpec>, _ kind: SpecKind) -> Diagnostic {
        let code: DiagnosticCode = kind == .trigger ? .noTrigger : .noSchedule
        let type = campaign.value.type.rawValue
        let message = "no \(kind.rawValue) starts campaign `\(campaign.identity.name)`, which has `type: \(type)`"
        let help = "add a `kind: \(kind.rawValue)` with `campaign: \(campaign.identity.name)`"
        return Diagnostic(code, at: campaign.place(of: "type"), field: "type", message, help: help)
    }
}

extension CampaignType {
    /// The kind of spec that starts campaigns of this type; `nil` if a person or a module does.
    fileprivate var start: SpecKind? {
        switch self {
        case .scheduled: .schedule
        case .eventTriggered: .trigger
        case .manual, .moduleInitiated: nil
        }
    }
}

extension Located {
    fileprivate func campaignIdentity(_ name: String) -> SpecIdentity {
        SpecIdentity(tenant: identity.tenant, kind: .campaign, name: name)
    }
}
