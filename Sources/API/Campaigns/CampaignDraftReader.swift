import Foundation
import JSON
import Spec
import Spelling
import Store

/// Converts the body of a request to a draft: resolves sender and template, and checks rules that shapes cannot express.
struct CampaignDraftReader: Sendable {
    let senders: SenderRepository
    let templates: TemplateRepository
    let now: @Sendable () -> Date

    /// Returns the draft of a new campaign.
    func draft(_ body: JSONValue, tenant: String) async throws -> CampaignDraft {
        let type = body["type"]?.stringValue.flatMap(CampaignType.init) ?? .manual
        var draft = CampaignDraft(name: body["name"]?.stringValue ?? "", type: type, message: .null)
        if body["senderId"] == nil, body["sender"] == nil { draft.senderID = try await onlySender(tenant: tenant) }
        return try await changed(draft, by: body, tenant: tenant)
    }

    /// Applies a request to a draft: an absent field stays, and null removes it.
    func changed(_ old: CampaignDraft, by body: JSONValue, tenant: String) async throws -> CampaignDraft {
        var draft = old
        var errors: [FieldProblem] = []
        draft.name = body["name"]?.stringValue ?? draft.name
        draft.type = body["type"]?.stringValue.flatMap(CampaignType.init) ?? draft.type
        draft.title = Self.text(body, "title", else: draft.title)
        draft.sourceModule = Self.text(body, "sourceModule", else: draft.sourceModule)
        draft.sourceReferenceID = Self.text(body, "sourceReferenceId", else: draft.sourceReferenceID)
        draft.triggerType = Self.text(body, "triggerType", else: draft.triggerType)
        draft.triggerConfig = Self.value(body, "triggerConfig", else: draft.triggerConfig)
        draft.templateParams = Self.value(body, "templateParams", else: draft.templateParams)
        draft.templateID = Self.value(body, "templateId", else: draft.templateID.map { .string($0.uuidString) })?
            .stringValue.flatMap { UUID(uuidString: $0) }
        if let value = body["scheduledAt"] {
            draft.scheduledAt = value.stringValue.flatMap { Date(apiText: $0) }
            if let date = draft.scheduledAt, date <= now() { errors.append(.init("scheduledAt", "is in the past")) }
        }
        if let filter = body["audienceFilter"] {
            draft.audienceFilter = filter == .null ? nil : readFilter(filter, &errors)
        }
        if let cap = body["onUserCap"] { draft.onUserCap = cap == .null ? nil : readUserCap(cap, &errors) }
        errors += triggerProblems(draft)
        if body["sender"] != nil || body["senderId"] != nil {
            draft.senderID = try await sender(body, tenant: tenant, &errors)
        }
        try await readMessage(body, into: &draft, tenant: tenant, &errors)
        guard errors.isEmpty else { throw Problem.invalid(errors) }
        return draft
    }

    private func triggerProblems(_ draft: CampaignDraft) -> [FieldProblem] {
        guard draft.triggerType != nil else {
            return draft.triggerConfig == nil ? [] : [FieldProblem("triggerConfig", "needs `triggerType`")]
        }
        guard draft.type == .eventTriggered || draft.type == .moduleInitiated else {
            let message = "a campaign of type `\(draft.type.rawValue)` cannot start by an event"
            return [FieldProblem("triggerType", message)]
        }
        return []
    }

    private func readFilter(_ json: JSONValue, _ errors: inout [FieldProblem]) -> JSONValue? {
        do {
            return try AudienceFilter(json: json).json
        } catch {
            errors += FieldProblem.all(of: error, below: "audienceFilter")
            return nil
        }
    }

    private func readUserCap(_ json: JSONValue, _ errors: inout [FieldProblem]) -> JSONValue? {
        do throws(SpecError) {
            return try UserCap(json: json).json
        } catch {
            errors += FieldProblem.all(of: error, below: "")
            return nil
        }
    }

    private func readMessage(
        _ body: JSONValue,
        into draft: inout CampaignDraft,
        tenant: String,
        _ errors: inout [FieldProblem]
    ) async throws {
        if let id = draft.templateID {
            guard ["templateId", "templateParams"].contains(where: { body[$0] != nil }) else { return }
            guard let template = try await templates.find(id, tenant: tenant) else {
                errors.append(FieldProblem("templateId", "the tenant has no such template"))
                return
            }
            let params = (draft.templateParams?.objectValue ?? [:]).compactMapValues(\.stringValue)
            do throws(SpecError) {
                draft.message = try MessagePayload.hydrate(template: template.spec, params: params)
                try MessagePayload.check(made: draft.message)
            } catch {
                errors += FieldProblem.all(of: error, below: "").map(Self.renamed)
            }
            return
        }
        if draft.templateParams != nil { errors.append(FieldProblem("templateParams", "needs `templateId`")) }
        guard let message = body["messageTemplate"] else {
            if draft.message == .null || body["templateId"] != nil {
                errors.append(FieldProblem("messageTemplate", "is missing, and there is no `templateId`"))
            }
            return
        }
        do {
            draft.message = try MessagePayload.check(message)
        } catch {
            errors += FieldProblem.all(of: error, below: "messageTemplate")
        }
    }

    /// Translates errors of specs, which call the field `params`, for requests, which call it `templateParams`.
    private static func renamed(_ problem: FieldProblem) -> FieldProblem {
        let message = problem.message.replacing("`params`", with: "`templateParams`")
        guard problem.field == "params" || problem.field.hasPrefix("params.") else {
            return FieldProblem("templateParams", problem.field.isEmpty ? message : "\(problem.field): \(message)")
        }
        return FieldProblem("templateParams" + problem.field.dropFirst(6), message)
    }

    /// Returns the only sender of the tenant, for requests without one.
    private func onlySender(tenant: String) async throws -> UUID {
        let all = try await senders.all(tenant: tenant)
        guard let first = all.first, all.count == 1 else {
            throw Problem.invalid(
                "sender",
                all.isEmpty
                    ? "the tenant has no sender; add one with a spec"
                    : "is missing, and the tenant has several: \(SpellingSuggestion.list(all.map(\.name), "or"))"
            )
        }
        return first.id
    }

    private func sender(_ body: JSONValue, tenant: String, _ errors: inout [FieldProblem]) async throws -> UUID? {
        let all = try await senders.all(tenant: tenant)
        let id = body["senderId"]?.stringValue.flatMap { UUID(uuidString: $0) }
        let name = body["sender"]?.stringValue
        let named = all.first { $0.name == name }
        if let id {
            guard all.contains(where: { $0.id == id }) else {
                errors.append(FieldProblem("senderId", "the tenant has no such sender"))
                return nil
            }
            if name != nil, named?.id != id { errors.append(FieldProblem("sender", "is not the sender of `senderId`")) }
            return id
        }
        guard let named else {
            let help = SpellingSuggestion.help(for: name ?? "", among: all.map(\.name), what: "its senders are")
            errors.append(FieldProblem("sender", "the tenant has no such sender" + (help.map { "; \($0)" } ?? "")))
            return nil
        }
        return named.id
    }

    private static func value(_ body: JSONValue, _ key: String, else old: JSONValue?) -> JSONValue? {
        guard let value = body[key] else { return old }
        return value == .null ? Optional.none : value
    }

    private static func text(_ body: JSONValue, _ key: String, else old: String?) -> String? {
        value(body, key, else: old.map(JSONValue.string))?.stringValue
    }
}
