import Foundation
import JSON
import Spec
import Store

/// Decides the next step for a wish, from what WhatsApp has: a pure function.
enum SubmissionDecision: Hashable {
    /// The request is sent, after it is recorded.
    case send(SubmissionCall)
    /// The last request did not arrive: the wish is to be sent again.
    case again
    case end(SubmissionStep)

    /// The requests that a wish may take.
    static let mostAttempts = 5
    /// The time after which what does not show has not arrived: what is created or edited shows a little later.
    static let grace = Duration.seconds(60)
    /// The time between two looks at a review that is under way.
    private static let review = Duration.seconds(300)

    /// Decides.
    ///
    /// - Parameters:
    ///   - claim: The wish; `unsettled` if the answer to its last request was lost.
    ///   - found: The templates of its name at WhatsApp, in all languages.
    /// - Returns: The step.
    static func next(_ claim: SubmissionClaim, found: [SeenTemplate]) -> Self {
        let (wish, isUnsettled) = (claim.record.wish, claim.record.status == .unsettled)
        let present = found.filter { $0.name == wish.name && (wish.language == nil || $0.language == wish.language) }
        switch wish.action {
        case .create: return create(claim, present.first, isUnsettled)
        case .edit: return edit(claim, present.first, isUnsettled)
        case .delete:
            let left = present.filter { !$0.isDeleted }
            if left.isEmpty { return .end(.done(whatsAppID: present.first?.whatsappID, category: nil)) }
            if isUnsettled { return settle(claim) }
            return .send(.delete(name: wish.name, id: wish.language == nil ? nil : left[0].whatsappID))
        }
    }

    private static func create(_ claim: SubmissionClaim, _ found: SeenTemplate?, _ isUnsettled: Bool) -> Self {
        guard let found, !found.isDeleted else {
            if found != nil, !isUnsettled {
                return .end(
                    .failed(
                        code: nil,
                        subcode: nil,
                        reason:
                            "WhatsApp is deleting a template of that name, which bars it: a plan takes another name, or waits for that"
                    )
                )
            }
            return isUnsettled ? settle(claim) : .send(.create)
        }
        let comparison = comparison(claim, found)
        guard comparison.isEqual else {
            return .end(
                .failed(
                    code: nil,
                    subcode: nil,
                    reason: "WhatsApp has the template already, with something else: \(words(comparison)). "
                        + (comparison.unknownParts.isEmpty ? "The next plan edits it" : unknown(comparison))
                )
            )
        }
        return .end(.done(whatsAppID: found.whatsappID, category: found.category))
    }

    private static func edit(_ claim: SubmissionClaim, _ found: SeenTemplate?, _ isUnsettled: Bool) -> Self {
        guard let found, !found.isDeleted else {
            let reason = "the template is gone at WhatsApp: the next plan submits it again"
            return .end(.failed(code: nil, subcode: nil, reason: reason))
        }
        let comparison = comparison(claim, found)
        let wanted = claim.record.wish.request?["category"]?.stringValue?.lowercased()
        // Only a rejected template can get another category.
        let isRecategorised = found.status == "REJECTED" && wanted != found.category
        if comparison.isEqual, !isRecategorised {
            return .end(.done(whatsAppID: found.whatsappID, category: found.category))
        }
        // An edit replaces all parts, also those of which nothing is known.
        guard comparison.unknownParts.isEmpty else {
            return .end(.failed(code: nil, subcode: nil, reason: unknown(comparison)))
        }
        if isUnsettled { return settle(claim) }
        let (id, category) = (found.whatsappID ?? "", found.category ?? wanted ?? "")
        switch found.status {
        case "APPROVED": return .send(.edit(id: id, category: category, countsAsEdit: true))
        case "PAUSED": return .send(.edit(id: id, category: category, countsAsEdit: false))
        case "REJECTED": return .send(.edit(id: id, category: wanted ?? category, countsAsEdit: false))
        case "PENDING", "IN_APPEAL":
            return .end(.later(review, reason: "WhatsApp reviews the template", isCounted: false))
        default:
            let reason =
                "the template is \(found.status ?? "in no known state") at WhatsApp, and cannot be edited: the next plan takes another name"
            return .end(.failed(code: nil, subcode: nil, reason: reason))
        }
    }

    /// Decides on a request that does not show at WhatsApp.
    private static func settle(_ claim: SubmissionClaim) -> Self {
        let passed = claim.sinceSent ?? grace
        guard passed >= grace else {
            return .end(.later(grace - passed, reason: "what was sent does not show yet", isCounted: true))
        }
        guard claim.record.attempts < mostAttempts else {
            let reason =
                "\(claim.record.attempts) requests brought no answer, and WhatsApp has nothing of them; "
                + "try again with `campaignd templates submit`"
            return .end(.failed(code: nil, subcode: nil, reason: reason))
        }
        return .again
    }

    private static func comparison(_ claim: SubmissionClaim, _ found: SeenTemplate) -> TemplateComparison {
        TemplateComparison(
            of: claim.record.wish.request ?? [:],
            with: found.components ?? [],
            parameterFormat: found.parameterFormat,
            category: found.category,
            ttlSeconds: found.ttlSeconds
        )
    }

    private static func unknown(_ comparison: TemplateComparison) -> String {
        "It has parts at WhatsApp that this version cannot describe (\(comparison.unknownParts.joined(separator: ", "))), and is not "
            + "edited: edit it in WhatsApp Manager"
    }

    private static func words(_ comparison: TemplateComparison) -> String {
        comparison.differences.map(\.words).joined(separator: "; ")
    }
}

/// A request that changes templates.
enum SubmissionCall: Hashable, Sendable {
    case create
    /// An edit replaces all parts; the category of an approved template must be the one that it has.
    case edit(id: String, category: String, countsAsEdit: Bool)
    /// Deletes one language by WhatsApp's id; all languages of the name for `nil`.
    case delete(name: String, id: String?)

    /// True if WhatsApp counts it against the edits of an approved template.
    var countsAsEdit: Bool {
        if case .edit(_, _, let counts) = self { counts } else { false }
    }

    /// Makes the body of the request.
    ///
    /// - Parameters:
    ///   - wish: The request of the wish.
    ///   - handles: The handles of its files.
    /// - Returns: The body; `nil` for a deletion.
    func body(_ wish: JSONValue?, handles: [String: String]) -> JSONValue? {
        guard let wish else { return nil }
        let request = TemplateSubmission.request(ofWish: wish, handles: handles)
        switch self {
        case .create: return request
        case .edit(_, let category, _):
            var fields = request.fields?.filter { ["components", "message_send_ttl_seconds"].contains($0.key) } ?? [:]
            fields["category"] = .string(category.uppercased())
            return .object(fields)
        case .delete: return nil
        }
    }
}

/// Decides what becomes of a wish after WhatsApp's answer.
enum SubmissionVerdict {
    /// Waits after errors in a row that may pass.
    private static func backoff(_ attempts: Int) -> Duration { .seconds(min(15 << min(attempts, 8), 1_800)) }

    /// Returns the outcome of a request that WhatsApp answered.
    static func step(of call: SubmissionCall, answer: JSONValue) -> SubmissionStep {
        switch call {
        case .create:
            guard let id = answer["id"]?.stringValue ?? answer["id"]?.integerValue.map(String.init) else {
                return .lost(reason: "the answer of WhatsApp has no id")
            }
            return .done(whatsAppID: id, category: answer["category"]?.stringValue)
        case .edit(let id, let category, _):
            guard answer["success"]?.boolValue != false else {
                return .failed(
                    code: nil,
                    subcode: nil,
                    reason: "WhatsApp did not edit the template, and gave no reason"
                )
            }
            return .done(whatsAppID: id, category: answer["category"]?.stringValue ?? category)
        case .delete(_, let id):
            guard answer["success"]?.boolValue != false else {
                return .failed(
                    code: nil,
                    subcode: nil,
                    reason: "WhatsApp did not delete the template, and gave no reason"
                )
            }
            return .done(whatsAppID: id, category: nil)
        }
    }

    /// Returns the outcome of a request that brought an error.
    ///
    /// - Parameters:
    ///   - error: The error.
    ///   - call: The request.
    ///   - attempts: The requests so far, with this one.
    /// - Returns: The outcome.
    static func step(of error: GraphError, call: SubmissionCall, attempts: Int) -> SubmissionStep {
        switch error {
        case .refused(let refusal): return step(of: refusal, call, attempts)
        case .limited(_, let minutes):
            return .later(.seconds(max(minutes, 5) * 60), reason: error.description, isCounted: false)
        case .unauthorized:
            let reason = "\(error); give the token of the account the right `whatsapp_business_management`"
            return .later(.seconds(900), reason: reason, isCounted: false)
        case .notWritten: return .later(backoff(attempts), reason: error.description, isCounted: false)
        case .lost, .unreadable: return .lost(reason: error.description)
        }
    }

    /// Returns the outcome of a look at WhatsApp that brought an error: the wish stays as it is.
    static func step(ofReading error: GraphError) -> SubmissionStep {
        switch error {
        case .limited(_, let minutes):
            return .later(.seconds(max(minutes, 5) * 60), reason: error.description, isCounted: true)
        case .unauthorized:
            let reason = "\(error); give the token of the account the right `whatsapp_business_management`"
            return .later(.seconds(900), reason: reason, isCounted: true)
        case .refused, .notWritten, .lost, .unreadable:
            return .later(.seconds(30), reason: error.description, isCounted: true)
        }
    }

    /// Returns the outcome of the upload of a file that brought an error; nothing of the template was sent.
    static func step(ofUpload error: GraphError, of file: String) -> SubmissionStep {
        if case .refused(let refusal) = error, !refusal.isTransient {
            return .failed(code: refusal.code, subcode: refusal.subcode, reason: "\(file) was not taken: \(refusal)")
        }
        return step(ofReading: error)
    }

    private static func step(of refusal: GraphRefusal, _ call: SubmissionCall, _ attempts: Int) -> SubmissionStep {
        switch (refusal.subcode, call) {
        // The name exists, perhaps of our own request whose answer was lost: reading tells.
        case (2_388_023, .create), (2_388_024, .create): return .lost(reason: refusal.description)
        // The status does not allow it, or it was edited by hand today, which our rows do not know.
        case (2_388_039, .edit) where attempts < SubmissionDecision.mostAttempts:
            return .later(.seconds(6 * 3_600), reason: refusal.description, isCounted: true)
        // A template that WhatsApp no longer shows is deleted.
        case (2_593_002, .delete): return .done(whatsAppID: nil, category: nil)
        default: break
        }
        if refusal.isTransient, attempts < SubmissionDecision.mostAttempts {
            return .later(backoff(attempts), reason: refusal.description, isCounted: true)
        }
        return .failed(code: refusal.code, subcode: refusal.subcode, reason: refusal.description)
    }
}

extension SeenTemplate {
    /// True if it is on its way out.
    fileprivate var isDeleted: Bool { ["PENDING_DELETION", "DELETED"].contains(status) }
}
