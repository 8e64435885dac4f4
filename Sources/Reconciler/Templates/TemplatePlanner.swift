import Calendar
import Foundation
import JSON
import Spec
import Spelling
import Store

/// Decides what is done to templates at WhatsApp, as a pure function of the specs and of what is known of WhatsApp.
struct TemplatePlanner {
    /// The statuses in which WhatsApp reviews a template.
    private static let reviewed: Set<String> = ["PENDING", "IN_APPEAL"]

    let desired: DesiredState
    let whatsApp: WhatsAppState
    /// Sentences about the names of templates at WhatsApp.
    let names: [SpecIdentity: String]

    /// Returns the templates that are changed or remarkable, sorted by tenant, spec and language.
    ///
    /// - Throws: ``ReconcileError/deletion(_:)`` for a template that cannot be deleted at WhatsApp.
    func templates() throws(ReconcileError) -> [PlannedTemplate] {
        let items = desired.items.values.filter { $0.identity.kind == .template }
            .sorted { $0.identity < $1.identity }
        var planned: [PlannedTemplate] = []
        var kept: Set<UUID> = []
        for item in items {
            guard let spec = item.spec.value as? TemplateSpec, let account = spec.account,
                let name = item.content["whatsappName"]?.stringValue
            else { continue }
            for (index, spec) in spec.named(atWhatsApp: name).submissions.enumerated() {
                var template = template(spec, item.identity, account)
                kept.formUnion(followed(by: &template).map(\.id))
                if let remark = names[item.identity], index == 0 { template.notes.insert(remark, at: 0) }
                if template.isRemarkable { planned.append(template) }
            }
        }
        var deletions = try deletions()
        for index in deletions.indices {
            for open in whatsApp.openWishes where Self.covers(deletions[index], open) {
                kept.insert(open.record.id)
                guard deletions[index].action == .delete, open.record.status == .wanted else { continue }
                deletions[index].notes.append("takes back what waits: \(words(of: open.record))")
            }
        }
        return planned + takenBack(keeping: kept) + deletions
    }

    /// Returns the open wishes that go on, or that the wish for a template replaces; says what it replaces.
    ///
    /// A wish replaces those that wait. One that is on its way comes first, and is not sent again.
    private func followed(by template: inout PlannedTemplate) -> [SubmissionRecord] {
        let key = WhatsAppState.Key(
            tenant: template.tenant,
            account: template.account,
            name: template.name,
            language: template.language ?? ""
        )
        let open = whatsApp.open(key)
        guard template.action == .none else {
            for record in open where record.status == .wanted {
                template.notes.append("takes back what waits: \(words(of: record))")
            }
            return open
        }
        // One that waits for others does so because it was wished after them.
        return template.waitsFor.map { id in Array(open.drop { $0.id != id }) } ?? []
    }

    /// Returns true if a deletion is an open wish, or replaces it.
    private static func covers(_ deletion: PlannedTemplate, _ wish: WhatsAppState.OpenWish) -> Bool {
        let other = wish.record.wish
        guard other.tenantID == deletion.tenant, wish.account == deletion.account, other.name == deletion.name else {
            return false
        }
        guard deletion.action == .delete else { return other.action == .delete && other.language == deletion.language }
        return deletion.language == nil || other.language == nil || other.language == deletion.language
    }

    /// Takes back the open wishes that the specs no longer hold: they would be carried out otherwise, some a day later.
    private func takenBack(keeping kept: Set<UUID>) -> [PlannedTemplate] {
        whatsApp.openWishes.compactMap { open in
            let (record, wish) = (open.record, open.record.wish)
            guard !kept.contains(record.id), !record.isTakenBack else { return nil }
            let isWaiting = record.status == .wanted
            var note = isWaiting ? "takes back what waits: " : "cannot be stopped, and is not sent again: "
            note += words(of: record)
            if let account = open.account {
                // A deletion is wished by a person, not by a spec: it goes on unless something uses the template by now.
                if wish.action == .delete {
                    guard let user = user(of: wish.name, wish.language, wish.tenantID, account) else { return nil }
                    note += "; \(user) uses it"
                }
            } else {
                note += "; it is for an account that no spec has any more"
            }
            let identity = wish.template.map { SpecIdentity(tenant: wish.tenantID, kind: .template, name: $0) }
            var template = PlannedTemplate(
                .takeBack,
                tenant: wish.tenantID,
                account: open.account ?? wish.account,
                template: identity.flatMap { desired.items[$0] == nil ? nil : $0 },
                name: wish.name,
                language: wish.language
            )
            template.takenBack = record.id
            template.notes.append(note)
            if !isWaiting {
                template.notes.append("what becomes of it is read, and the next plan compares it with the specs")
            }
            return template
        }
        .sorted {
            ($0.tenant, $0.account, $0.name, $0.language ?? "") < ($1.tenant, $1.account, $1.name, $1.language ?? "")
        }
    }

    /// Returns a wish in words: `edit of 2 h ago, which is sent at …`.
    private func words(of record: SubmissionRecord) -> String {
        let language = record.wish.language.map { " (\($0))" } ?? ""
        return "the \(record.wish.action.noun) of \(record.wish.name)\(language), wished \(age(record.createdAt)), "
            + waiting(record, tenant: record.wish.tenantID)
    }

    private func template(_ spec: TemplateSpec, _ identity: SpecIdentity, _ account: String) -> PlannedTemplate {
        let language = spec.language ?? ""
        let key = WhatsAppState.Key(
            tenant: identity.tenant,
            account: account,
            name: spec.whatsappName,
            language: language
        )
        let request = TemplateSubmission(spec).wish
        func planned(_ action: PlannedTemplate.Action) -> PlannedTemplate {
            PlannedTemplate(
                action,
                tenant: identity.tenant,
                account: account,
                template: identity,
                name: spec.whatsappName,
                language: language,
                request: action == .none ? nil : request
            )
        }
        let wishes = whatsApp.wishes(key)
        let last = wishes.first.flatMap { $0.wish.request == request ? $0 : nil }
        let seen = whatsApp.present(key)
        let swept = whatsApp.sweptAt(identity.tenant, account)
        if let last, last.status.isOpen, !last.isTakenBack {
            var template = planned(.none)
            template.waitsFor = last.id
            template.notes.append(waiting(last, tenant: identity.tenant))
            if let seen { describe(seen, spec, &template) }
            return template
        }
        // A request on its way may arrive: then WhatsApp has another text than the one that was read.
        if let moving = whatsApp.open(key).first(where: { $0.status != .wanted && $0.wish.request != nil }) {
            var template = planned(seen == nil ? .create : .edit)
            template.differences = differences(request, from: moving.wish)
            template.notes.append("is sent after what is on its way: \(words(of: moving))")
            if let seen { describe(seen, spec, &template) }
            return template
        }
        let done = wishes.first { $0.status == .done }
        let unread = done.flatMap { done in
            (seen?.readAt ?? swept).map { $0 <= done.settledAt ?? $0 } ?? true ? done : nil
        }
        if let unread, unread.wish.request == request, last?.status != .failed {
            var template = planned(.none)
            template.notes.append("was submitted \(age(unread.settledAt)), and not read at WhatsApp since")
            compareCategory(unread.category, spec, nil, &template)
            return template
        }
        if let last, last.status == .failed, !isOvertaken(last, of: key, unread, spec, request) {
            var template = planned(.none)
            template.warnings.append(
                "was not taken by WhatsApp: \(last.error ?? "unknown reason"). Change it, or try again with "
                    + "`campaignd templates submit \(identity.name) --tenant \(identity.tenant)`"
            )
            if let seen {
                template.differences = differences(spec, request, seen, wishes)
                describe(seen, spec, &template)
                // A template that is equal by now needs no other try.
                if template.differences.isEmpty { template.warnings.removeFirst() }
            }
            return template
        }
        if let unread, unread.wish.request != nil {
            var template = planned(.edit)
            template.differences = differences(request, from: unread.wish)
            template.notes.append("another text was submitted \(age(unread.settledAt)), and not read at WhatsApp since")
            if seen?.status == "APPROVED" { template.notes += limits(wishes, tenant: identity.tenant) }
            return template
        }
        guard let seen else {
            var template = planned(.create)
            if swept == nil {
                template.notes.append("the account was not read yet: it is submitted unless WhatsApp has it already")
                if let error = whatsApp.error(identity.tenant, account) { template.warnings.append(error) }
            } else if last != nil {
                template.notes.append("it was deleted at WhatsApp")
            }
            return template
        }
        let differences = differences(spec, request, seen, wishes)
        guard !differences.isEmpty else {
            var template = planned(.none)
            describe(seen, spec, &template)
            return template
        }
        // An edit replaces all parts, and would take away those that are not known.
        guard seen.components.map(TemplateComparison.unknownParts)?.isEmpty ?? true else {
            var template = planned(.none)
            template.differences = differences
            template.notes.append(
                "is not edited, because that would take these parts away; edit it in WhatsApp Manager"
            )
            describe(seen, spec, &template)
            return template
        }
        // Another text in between was a wish of the specs, and begins the count anew.
        let repeats = wishes.filter { $0.status == .done }.prefix { $0.wish.request == request }.count
        var template = planned(repeats < 2 ? .edit : .none)
        template.differences = differences
        template.isDrift = repeats > 0
        if repeats >= 2 {
            template.warnings.append(
                "was submitted \(repeats) times in 30 days, and differs again: correct the spec or the template at WhatsApp"
            )
        }
        describe(seen, spec, &template)
        if seen.status == "APPROVED" { template.notes += limits(wishes, tenant: identity.tenant) }
        if Self.reviewed.contains(seen.status ?? "") { template.notes.append("the edit waits for the end of that") }
        return template
    }

    /// Returns true if WhatsApp needs something else by now than the wish that failed: an edit of what could not be created,
    /// or the creation of what could not be edited.
    private func isOvertaken(
        _ failed: SubmissionRecord,
        of key: WhatsAppState.Key,
        _ unread: SubmissionRecord?,
        _ spec: TemplateSpec,
        _ request: JSONValue
    ) -> Bool {
        let seen = whatsApp.present(key)
        switch failed.wish.action {
        case .create:
            if let seen { return !differences(spec, request, seen, whatsApp.wishes(key)).isEmpty }
            // A template that was being deleted, and barred its name, is gone.
            if let settled = failed.settledAt, let gone = whatsApp.seen(key)?.goneAt, gone > settled { return true }
            return unread?.wish.request.map { $0 != request } ?? false
        case .edit: return seen == nil && whatsApp.isRead(key.tenant, key.account)
        case .delete: return false
        }
    }

    /// Compares a template with the text of a wish, which WhatsApp has or will have, and which was not read there yet.
    private func differences(_ request: JSONValue, from wish: SubmissionWish) -> [TemplateComparison.Difference] {
        TemplateComparison(
            of: request,
            with: wish.request?["components"] ?? [],
            parameterFormat: wish.request?["parameter_format"]?.stringValue,
            category: wish.request?["category"]?.stringValue?.lowercased(),
            ttlSeconds: wish.request?["message_send_ttl_seconds"]?.integerValue
        )
        .differences
    }

    /// Compares a template with the one at WhatsApp; files only with those that were submitted before.
    private func differences(
        _ spec: TemplateSpec,
        _ request: JSONValue,
        _ seen: SeenTemplate,
        _ wishes: [SubmissionRecord]
    ) -> [TemplateComparison.Difference] {
        // Only webhooks told of it: its text is not known, and not compared before it was read.
        guard let components = seen.components else { return [] }
        let comparison = TemplateComparison(
            of: request,
            with: components,
            parameterFormat: seen.parameterFormat,
            category: seen.category,
            ttlSeconds: seen.ttlSeconds
        )
        guard let done = wishes.first(where: { $0.status == .done && $0.wish.request != nil })?.wish.request else {
            return comparison.differences
        }
        let (ours, theirs) = (request["samples"]?.fields, done["samples"]?.fields)
        let keys = Set((ours?.keys ?? []) + (theirs?.keys ?? [])).sorted()
        return comparison.differences
            + keys.compactMap { key in
                let (wanted, found) = (ours?[key]?["link"]?.stringValue, theirs?[key]?["link"]?.stringValue)
                return wanted == found
                    ? nil : TemplateComparison.Difference(part: "sample of \(key)", wanted: wanted, found: found)
            }
    }

    // MARK: Words

    private func time(_ date: Date, _ tenant: String) -> String {
        TenantClock.sentence(date, in: desired.zones[tenant])
    }

    private func age(_ date: Date?) -> String {
        guard let date else { return "before" }
        return "\(NumberText.duration(seconds: max(1, whatsApp.now.timeIntervalSince(date)))) ago"
    }

    /// Says where a wish stands.
    private func waiting(_ record: SubmissionRecord, tenant: String) -> String {
        let reason = record.error.map { ": \($0)" } ?? ""
        switch record.status {
        case .wanted:
            let next = record.dueAt > whatsApp.now ? "; it is sent at \(time(record.dueAt, tenant))" : ""
            return "waits to be sent to WhatsApp\(next)\(reason)"
        case .unsettled: return "was sent \(age(record.sentAt)), and the answer was lost\(reason)"
        default: return "is being sent to WhatsApp"
        }
    }

    /// Says what WhatsApp thinks of a template.
    private func describe(_ seen: SeenTemplate, _ spec: TemplateSpec, _ template: inout PlannedTemplate) {
        template.isSeen = true
        let reason = seen.reason.map { $0 == "NONE" ? "" : " (\($0))" } ?? ""
        switch seen.status {
        case "REJECTED":
            template.warnings.append("WhatsApp rejected it\(reason)" + (seen.advice.map { ": \($0)" } ?? ""))
        case "PAUSED", "DISABLED", "ARCHIVED", "LOCKED", "LIMIT_EXCEEDED":
            template.warnings.append("is \(seen.status ?? "") at WhatsApp\(reason)")
        case "PENDING": template.notes.append("is in review at WhatsApp")
        case "IN_APPEAL": template.notes.append("is in appeal at WhatsApp")
        default: break
        }
        let unknown = seen.components.map(TemplateComparison.unknownParts) ?? []
        if !unknown.isEmpty {
            let list = unknown.map { "`\($0)`" }.joined(separator: ", ")
            template.warnings.append("has parts at WhatsApp that this version cannot describe: \(list)")
        }
        if seen.quality == "RED" { template.warnings.append("has low quality, and may be paused") }
        compareCategory(seen.category, spec, seen.nextCategory, &template)
    }

    /// Says which category WhatsApp made of the one that was asked for, and what that costs.
    private func compareCategory(
        _ category: String?,
        _ spec: TemplateSpec,
        _ next: String?,
        _ template: inout PlannedTemplate
    ) {
        let wanted = spec.category.rawValue
        let other = [category, next].compactMap { $0?.lowercased() }.first { $0 != wanted }
        guard let other else { return }
        let verb = next?.lowercased() == other && category?.lowercased() != other ? "will be" : "is"
        let loud = spec.allowCategoryChange == false ? ", although `allowCategoryChange` is false" : ""
        template.warnings.append(
            "\(verb) \(other) at WhatsApp instead of \(wanted)\(loud)"
                + (prices(wanted, other, template.tenant).map { ": \($0)" } ?? "")
                + ". Correct its spec, or have the category reviewed in WhatsApp Manager within 60 days"
        )
    }

    /// Compares the prices of two categories in the country of the tenant: `USD 0.0225 instead of USD 0.0040 in Kenya`.
    private func prices(_ wanted: String, _ other: String, _ tenant: String) -> String? {
        let identity = SpecIdentity(tenant: tenant, kind: .tenant, name: tenant)
        let spec = desired.items[identity]?.spec.value as? TenantSpec
        guard let country = spec?.country, let book = desired.rates, let currency = desired.currencies[tenant],
            let wanted = RateCategory(rawValue: wanted), let other = RateCategory(rawValue: other)
        else { return nil }
        let day = String(whatsApp.now.formatted(.iso8601).prefix(10))
        guard let card = book.card(on: day, currency: currency) else { return nil }
        let market = book.map(on: day, for: card).market(of: "\(country).")
        guard let before = card.rate(of: wanted, in: market), let after = card.rate(of: other, in: market)
        else { return nil }
        return "\(Money(currency: currency, micros: after)) instead of \(Money(currency: currency, micros: before)) "
            + "a message in \(market)"
    }

    /// Says how many edits of an approved template are left.
    private func limits(_ wishes: [SubmissionRecord], tenant: String) -> [String] {
        let month = whatsApp.now.addingTimeInterval(-30 * 86_400)
        let edits = wishes.filter { $0.countsAsEdit && ($0.sentAt ?? .distantPast) > month }.compactMap(\.sentAt)
            .sorted(by: >)
        let number = "edit \(edits.count + 1) of \(SubmissionRepository.editsPerMonth) in 30 days"
        guard let last = edits.first else { return [number] }
        var next = last.addingTimeInterval(86_400)
        if edits.count >= SubmissionRepository.editsPerMonth {
            next = max(next, edits[SubmissionRepository.editsPerMonth - 1].addingTimeInterval(30 * 86_400))
        }
        guard next > whatsApp.now else { return ["\(number), the last \(age(last))"] }
        return ["\(number), the last \(age(last)): this one goes at \(time(next, tenant))"]
    }

    // MARK: Deletions

    private func deletions() throws(ReconcileError) -> [PlannedTemplate] {
        var planned: [PlannedTemplate] = []
        for wish in Set(desired.deletionsAtWhatsApp).sorted() {
            let parts = wish.split(separator: ":", maxSplits: 1).map(String.init)
            guard let name = parts.first else { continue }
            let language = parts.count > 1 ? TemplateState.language(parts[1]) : nil
            let found = whatsApp.accounts(having: name).filter { language.map($0.languages.contains) ?? true }
            guard let place = found.first else {
                throw .deletion("no account has a template `\(wish)` at WhatsApp, as far as its templates were read")
            }
            guard found.count == 1 else {
                let places = found.map { "\($0.tenant)/\($0.account)" }.joined(separator: ", ")
                throw .deletion("`\(wish)` is in several accounts: \(places); name one tenant with `--tenant`")
            }
            if let user = user(of: name, language, place.tenant, place.account) {
                throw .deletion("`\(wish)` is not deleted at WhatsApp: \(user) uses it")
            }
            let last = whatsApp.deletions(of: name, place.tenant, place.account, language: language).first
            let swept = whatsApp.sweptAt(place.tenant, place.account)
            let isDone = last?.status == .done && (last?.settledAt).map { $0 >= swept ?? $0 } ?? false
            var template = PlannedTemplate(
                last?.status.isOpen == true || isDone ? .none : .delete,
                tenant: place.tenant,
                account: place.account,
                template: nil,
                name: name,
                language: language
            )
            if language == nil {
                template.deletedLanguages = place.languages
                template.notes.append("its languages: \(place.languages.joined(separator: ", "))")
            }
            if let last, last.status.isOpen { template.notes.append(waiting(last, tenant: place.tenant)) }
            if isDone { template.notes.append("was deleted \(age(last?.settledAt)), and not read at WhatsApp since") }
            planned.append(template)
        }
        return planned
    }

    /// Returns what uses a template in its account, of any tenant, in words; `nil` if nothing does.
    private func user(of name: String, _ language: String?, _ tenant: String, _ account: String) -> String? {
        for item in desired.items.values.sorted(by: { $0.identity < $1.identity })
        where item.identity.tenant == tenant {
            if let spec = item.spec.value as? TemplateSpec, spec.account == account,
                item.content["whatsappName"]?.stringValue == name
            {
                let languages = spec.submissions.compactMap(\.language)
                if language.map(languages.contains) ?? true { return "\(item.identity)" }
            }
            let message = item.content["message"]
            if message?["template"]?["name"]?.stringValue == name {
                let own = message?["template"]?["language"]?["code"]?.stringValue.map(TemplateState.language)
                if language == nil || own == nil || own == language { return "\(item.identity)" }
            }
        }
        return whatsApp.user(of: name, language, tenant, account) { desired.tenants?.contains($0) ?? true }
    }
}

extension SubmissionWish.Action {
    fileprivate var noun: String {
        switch self {
        case .create: "creation"
        case .edit: "edit"
        case .delete: "deletion"
        }
    }
}
