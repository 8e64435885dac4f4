import Foundation
import JSON
import Spec
import Store

/// The names that the templates of specs have at WhatsApp.
///
/// A file keeps its `whatsappName`. Where WhatsApp does not let a template keep its name, it gets that of a next version, which
/// its row stores; as long as the file has the same `whatsappName`, the name of the row stays in force.
enum TemplateNames {
    /// Returns the state with the names in force, and what there is to say of those that are new or not what the file suggests.
    ///
    /// - Parameters:
    ///   - desired: The specs, with the names of the files.
    ///   - state: The rows.
    ///   - whatsApp: What WhatsApp holds; `nil` if that is not known, so that no name becomes new.
    /// - Returns: The specs with the names in force, and sentences about templates.
    static func inForce(
        _ desired: DesiredState,
        _ state: CurrentState,
        _ whatsApp: WhatsAppState?
    ) -> (desired: DesiredState, remarks: [SpecIdentity: String]) {
        var (names, remarks): ([SpecIdentity: String], [SpecIdentity: String]) = ([:], [:])
        let templates = desired.items.values.compactMap { item in
            (item.spec.value as? TemplateSpec).flatMap { $0.account == nil ? nil : (item, $0) }
        }
        var taken = Set(templates.map { "\($0.0.identity.tenant) \($0.1.account ?? "") \($0.1.whatsappName)" })
        for (item, spec) in templates.sorted(by: { $0.0.identity < $1.0.identity }) {
            guard let account = spec.account else { continue }
            let row = state.rows[item.identity] ?? item.renamedFrom.flatMap { state.rows[$0] }
            // The row of an account that gets another name has its former one until the apply.
            let renamed = desired.items[SpecIdentity(tenant: item.identity.tenant, kind: .account, name: account)]?
                .renamedFrom
            let stored =
                [account, renamed?.name].contains(row?.content["account"]?.stringValue ?? "")
                ? row?.content["whatsappName"]?.stringValue : nil
            let base = spec.whatsappName
            var number = stored.flatMap { TemplateVersion.number(of: $0, base: base) } ?? 1
            if number > 1, let whatsApp, whatsApp.isRead(item.identity.tenant, account),
                !whatsApp.knows(base, item.identity.tenant, account)
            {
                // Only a name that is or was in use gets a next version: the stored one was the name of the file.
                number = 1
            }
            var name = TemplateVersion.name(number, of: base)
            if let whatsApp, let reason = reason(spec, name, row, item.identity.tenant, account, whatsApp) {
                var next = number + 1
                func isTaken(_ name: String) -> Bool {
                    taken.contains("\(item.identity.tenant) \(account) \(name)")
                        || whatsApp.knows(name, item.identity.tenant, account)
                }
                while isTaken(TemplateVersion.name(next, of: base)) { next += 1 }
                let former = name
                name = TemplateVersion.name(next, of: base)
                remarks[item.identity] = "its name at WhatsApp becomes `\(name)` instead of `\(former)`: \(reason)"
            } else if number > 1, let whatsApp, isThere(spec, base, item.identity.tenant, account, whatsApp),
                reason(spec, base, row, item.identity.tenant, account, whatsApp) == nil
            {
                // The row does not tell a version from a name that was in the file before.
                remarks[item.identity] =
                    "its name at WhatsApp stays `\(name)`, which its row has and which is a version of `\(base)`; WhatsApp has both. To "
                    + "send `\(base)`, give the spec another `name`, without `renamedFrom`"
            }
            taken.insert("\(item.identity.tenant) \(account) \(name)")
            if name != base { names[item.identity] = name }
        }
        return (names.isEmpty ? desired : desired.namingTemplates(names), remarks)
    }

    /// Returns true if WhatsApp has a name, in a language of the template.
    private static func isThere(
        _ spec: TemplateSpec,
        _ name: String,
        _ tenant: String,
        _ account: String,
        _ whatsApp: WhatsAppState
    ) -> Bool {
        spec.submissions.compactMap(\.language).contains { language in
            whatsApp.present(.init(tenant: tenant, account: account, name: name, language: language)) != nil
        }
    }

    /// Returns the reason why a template cannot keep its name; `nil` if it can.
    private static func reason(
        _ spec: TemplateSpec,
        _ name: String,
        _ row: ManagedRow?,
        _ tenant: String,
        _ account: String,
        _ whatsApp: WhatsAppState
    ) -> String? {
        for spec in spec.named(atWhatsApp: name).submissions {
            guard let language = spec.language else { continue }
            let key = WhatsAppState.Key(tenant: tenant, account: account, name: name, language: language)
            guard let seen = whatsApp.present(key) else {
                if whatsApp.isBarred(key) { return "a deleted template bars its name for 30 days" }
                continue
            }
            let status = seen.status ?? ""
            if wasRecategorised(by: spec, seen, row, whatsApp.wishes(key)), ["APPROVED", "PAUSED"].contains(status) {
                return "WhatsApp does not change the category of an approved template"
            }
            guard ["DISABLED", "LOCKED", "ARCHIVED"].contains(status), let components = seen.components else {
                continue
            }
            let comparison = TemplateComparison(
                of: TemplateSubmission(spec).request,
                with: components,
                parameterFormat: seen.parameterFormat,
                category: seen.category,
                ttlSeconds: seen.ttlSeconds
            )
            if !comparison.isEqual { return "it is \(status) at WhatsApp, and cannot be edited" }
        }
        return nil
    }

    /// Returns true if the author wants another category, rather than WhatsApp.
    private static func wasRecategorised(
        by spec: TemplateSpec,
        _ seen: SeenTemplate,
        _ row: ManagedRow?,
        _ wishes: [SubmissionRecord]
    ) -> Bool {
        let wanted = spec.category.rawValue
        guard let category = seen.category?.lowercased(), category != wanted else { return false }
        if let last = wishes.first(where: { $0.status == .done && $0.wish.request != nil }) {
            return last.wish.request?["category"]?.stringValue?.lowercased() != wanted
        }
        return row.map { $0.content["category"]?.stringValue != wanted } ?? false
    }
}
