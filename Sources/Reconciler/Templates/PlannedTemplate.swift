import Foundation
import JSON
public import Spec
import Spelling
import Store

/// A template at WhatsApp, in one language: what a plan has done to it, and what there is to know of it.
public struct PlannedTemplate: Hashable, Sendable {
    /// The action at WhatsApp.
    public enum Action: String, Hashable, Sendable {
        case create, edit, delete
        /// An earlier wish that the specs no longer have is not sent.
        case takeBack
        /// WhatsApp has it as it is wished, or it is on its way.
        case none
    }

    public let action: Action
    public let tenant: String
    public let account: String
    /// The spec; `nil` for a deletion.
    public let template: SpecIdentity?
    /// The name at WhatsApp.
    public let name: String
    /// `nil` for the deletion of all languages.
    public let language: String?
    /// The body of the request, and the files that it needs; `nil` if nothing is submitted.
    let request: JSONValue?
    /// The earlier wish that does what the spec says; `nil` if none is open.
    var waitsFor: UUID?
    /// The wish that is taken back; `nil` if none is.
    var takenBack: UUID?
    /// The parts that differ from those at WhatsApp.
    public var differences: [TemplateComparison.Difference] = []
    /// The languages that a deletion of all takes away.
    var deletedLanguages: [String] = []
    /// True if the template was edited at WhatsApp since it was submitted.
    public var isDrift = false
    /// True if WhatsApp has it, as far as is known.
    var isSeen = false
    /// Sentences to look at twice, such as a rejection.
    public var warnings: [String] = []
    /// Remarks, as sentences.
    public var notes: [String] = []

    init(
        _ action: Action,
        tenant: String,
        account: String,
        template: SpecIdentity?,
        name: String,
        language: String?,
        request: JSONValue? = nil
    ) {
        (self.action, self.tenant, self.account, self.template) = (action, tenant, account, template)
        (self.name, self.language, self.request) = (name, language, request)
    }

    /// True if there is something to show.
    var isRemarkable: Bool { action != .none || !warnings.isEmpty || !notes.isEmpty }

    /// The wish that an apply stores; `nil` if nothing is done.
    var wish: SubmissionWish? {
        SubmissionWish.Action(rawValue: action.rawValue).map { action in
            SubmissionWish(
                tenantID: tenant,
                account: account,
                template: template?.name,
                action: action,
                name: name,
                language: language,
                request: request
            )
        }
    }

    /// One character for the action.
    var sign: String {
        switch action {
        case .create: "+"
        case .edit: "~"
        case .delete: "-"
        case .takeBack: "<"
        case .none: " "
        }
    }

    /// The template in words: `acme/Template/offer as offer_v2 (en)`.
    var subject: String {
        let languages = language.map { "(\($0))" } ?? "(all languages)"
        guard let template else { return "\(tenant)/\(account): \(name) \(languages)" }
        return template.name == name ? "\(template) \(languages)" : "\(template) as \(name) \(languages)"
    }

    /// The action in words.
    var words: String {
        switch action {
        case .create: "is submitted; WhatsApp reviews it before it can be sent"
        case .edit:
            isDrift
                ? "was edited at WhatsApp, and is edited back; WhatsApp reviews it again"
                : "is edited; WhatsApp reviews it again"
        case .delete: "is deleted; its name is barred for 30 days, and undelivered messages are tried for 30 days"
        case .takeBack: "was wished before, and is no more"
        case .none: "stays as it is"
        }
    }

    /// The template as the digest has it, with the text that is replaced; `nil` if nothing is done.
    var operation: JSONValue? {
        guard action != .none else { return nil }
        var fields: JSONObject = [
            "action": .string(action.rawValue), "tenant": .string(tenant), "account": .string(account),
            "name": .string(name),
        ]
        fields["language"] = language.map(JSONValue.string)
        fields["request"] = request
        fields["wish"] = takenBack.map { .string($0.uuidString) }
        if let replaced = differences.replaced { fields["replaces"] = replaced }
        if !deletedLanguages.isEmpty { fields["languages"] = .array(deletedLanguages.map(JSONValue.string)) }
        return .object(fields)
    }

    /// The template as JSON.
    var json: JSONValue {
        var fields: JSONObject = [
            "action": .string(action.rawValue), "tenant": .string(tenant), "account": .string(account),
            "name": .string(name), "isDrift": .bool(isDrift),
            "differences": .array(
                differences.map { difference in
                    var fields: JSONObject = ["part": .string(difference.part)]
                    fields["wanted"] = difference.wanted.map(JSONValue.string)
                    fields["found"] = difference.found.map(JSONValue.string)
                    return .object(fields)
                }
            ),
            "warnings": .array(warnings.map(JSONValue.string)), "notes": .array(notes.map(JSONValue.string)),
        ]
        fields["id"] = template.map { .string("\($0)") }
        fields["language"] = language.map(JSONValue.string)
        return .object(fields)
    }

    /// The lines below the subject, without the differences.
    var remarks: [(isWarning: Bool, text: String)] {
        warnings.map { (true, $0) } + notes.map { (false, $0) }
    }

    /// The differences as those of specs, from WhatsApp's text to ours.
    var fieldDifferences: [FieldDifference] {
        differences.map { difference in
            var field = FieldDifference(
                path: difference.part,
                before: difference.found.map(JSONValue.string),
                after: difference.wanted.map(JSONValue.string)
            )
            field.isDrift = isDrift
            return field
        }
    }
}

extension [TemplateComparison.Difference] {
    /// The parts that differ, as WhatsApp has them; `nil` without any.
    fileprivate var replaced: JSONValue? {
        guard !isEmpty else { return nil }
        return .array(
            map { difference in
                var fields: JSONObject = ["part": .string(difference.part)]
                fields["found"] = difference.found.map(JSONValue.string)
                return .object(fields)
            }
        )
    }
}

extension Plan {
    /// The templates of which the plan does or takes back something at WhatsApp.
    var submissions: [PlannedTemplate] { templates.filter { $0.action != .none } }

    /// The number of templates by action: `2 templates to submit, 1 to edit at WhatsApp`; empty if nothing is done there.
    var submissionCounts: String {
        let actions: [(PlannedTemplate.Action, String)] = [
            (.create, "to submit"), (.edit, "to edit"), (.delete, "to delete"), (.takeBack, "to take back"),
        ]
        let parts = actions.compactMap { action, words -> String? in
            let count = templates.count { $0.action == action }
            return count == 0 ? nil : "\(NumberText.count(count, "template")) \(words)"
        }
        return parts.isEmpty ? "" : parts.joined(separator: ", ") + " at WhatsApp"
    }
}
