import Foundation
import NIOCore
import NIOHTTP1
import Store
import Testing

@testable import Runtime

/// What real answers of WhatsApp, and of what stands before it, concern.
struct ErrorVerdictTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var status = 400
        let body: String
        var headers = ["Content-Type": "application/json; charset=UTF-8"]
        var isWhole = true
        let scope: ErrorScope
        let errorClass: ErrorClass
        /// A word of the hint; empty if there is none.
        var hint = ""

        var testDescription: String { "\(status) \(body.prefix(100))" }

        static func code(
            _ code: Int,
            _ scope: ErrorScope,
            _ errorClass: ErrorClass,
            details: String? = nil,
            status: Int = 400,
            hint: String = ""
        ) -> Case {
            let data = details.map { #","error_data":{"messaging_product":"whatsapp","details":"\#($0)"}"# } ?? ""
            let body =
                #"{"error":{"message":"(#\#(code)) title","type":"OAuthException","code":\#(code)\#(data)}}"#
            return Case(status: status, body: body, scope: scope, errorClass: errorClass, hint: hint)
        }

        static func page(
            _ status: Int,
            _ scope: ErrorScope,
            _ errorClass: ErrorClass,
            hint: String = "",
            type: String? = "text/html; charset=utf-8",
            body: String = "<html><h1>no</h1></html>",
            isWhole: Bool = true
        ) -> Case {
            Case(
                status: status,
                body: body,
                headers: type.map { ["Content-Type": $0] } ?? [:],
                isWhole: isWhole,
                scope: scope,
                errorClass: errorClass,
                hint: hint
            )
        }
    }

    /// Every code of the error reference that a send can meet.
    static let codes: [Case] = {
        var cases: [Case] = []
        cases += [0, 190].map { Case.code($0, .sender, .systemic, status: 401, hint: "accessToken") }
        cases += [3, 10, 200, 230, 299, 131005].map {
            Case.code($0, .account, .systemic, status: 403, hint: "accessToken")
        }
        cases += [368, 131031, 131042, 131064, 134011].map { Case.code($0, .account, .systemic) }
        cases += [33].map { Case.code($0, .sender, .systemic, hint: "phoneNumberId") }
        cases += [2500].map { Case.code($0, .sender, .systemic, hint: "WHATSAPP_API_URL") }
        cases += [131037, 131045, 133010].map { Case.code($0, .sender, .systemic) }
        cases += [4, 80007].map { Case.code($0, .account, .rateLimit) }
        cases += [130429, 131048, 131057].map { Case.code($0, .sender, .rateLimit) }
        cases += [131056].map { Case.code($0, .recipient, .pairRateLimit) }
        cases += [1, 2, 131000, 131016, 133004].map { Case.code($0, .unknown, .retryable, status: 500) }
        cases += [134101, 134102].map { Case.code($0, .campaign, .retryable) }
        cases += [132001, 132007, 132015, 132016, 132068, 132069].map { Case.code($0, .campaign, .systemic) }
        cases += [131055, 131063, 134100].map { Case.code($0, .campaign, .systemic) }
        cases += [100, 131008, 131009, 131051, 131053, 132000, 132005, 132008, 132012, 132018, 135000].map {
            Case.code($0, .campaign, .permanent, details: "Please check your parameters")
        }
        cases += [131052, 131060].map { Case.code($0, .message, .permanent) }
        cases += [130403, 130472, 130497, 131021, 131026, 131030, 131047, 131062, 137000].map {
            Case.code($0, .recipient, .permanent)
        }
        cases += [131050].map { Case.code($0, .recipient, .optOut) }
        cases += [131049].map { Case.code($0, .recipient, .userCap) }
        return cases
    }()

    /// Codes that mean several things.
    static let details: [Case] = {
        let layouts = [100, 131009, 132000, 132012, 132018].map {
            Case.code(
                $0,
                .message,
                .permanent,
                details: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
            )
        }
        return layouts + [
            .code(
                132000,
                .campaign,
                .permanent,
                details: "body: number of localizable_params (1) does not match the expected number of params (2)"
            ),
            .code(131009, .recipient, .permanent, details: "Recipient phone number is not valid"),
            .code(100, .recipient, .permanent, details: "The parameter to is required."),
            .code(999_999, .unknown, .permanent),
            .code(999_999, .unknown, .retryable, status: 500),
            .code(999_999, .sender, .systemic, status: 401, hint: "accessToken"),
            .code(999_999, .sender, .rateLimit, status: 429),
            Case(
                body: #"{"error":{"message":"Unsupported post request. Object with ID '1001' does not exist, cannot "#
                    + #"be loaded due to missing permissions","type":"GraphMethodException","code":100,"#
                    + #""error_subcode":33}}"#,
                scope: .sender,
                errorClass: .systemic,
                hint: "phoneNumberId"
            ),
            Case(
                body: #"{"error":{"message":"An unexpected error","code":777,"is_transient":true}}"#,
                scope: .unknown,
                errorClass: .retryable
            ),
        ]
    }()

    /// Answers without an error object.
    static let pages: [Case] = [
        .page(301, .sender, .systemic, hint: "WHATSAPP_API_URL"),
        .page(302, .sender, .systemic, hint: "WHATSAPP_API_URL", type: nil, body: ""),
        .page(400, .sender, .systemic, hint: "proxies"),
        .page(401, .sender, .systemic, hint: "accessToken"),
        .page(403, .sender, .systemic, hint: "proxies"),
        .page(404, .sender, .systemic, hint: "phoneNumberId"),
        .page(404, .sender, .systemic, hint: "phoneNumberId", type: "application/json", body: "{}"),
        .page(405, .sender, .systemic, hint: "WHATSAPP_API_URL"),
        .page(407, .sender, .systemic, hint: "HTTPS_PROXY", type: nil, body: ""),
        .page(408, .unknown, .retryable, type: nil, body: ""),
        .page(413, .unknown, .permanent),
        .page(429, .sender, .rateLimit),
        .page(500, .unknown, .retryable),
        .page(502, .unknown, .ambiguous),
        .page(503, .unknown, .retryable),
        .page(504, .unknown, .ambiguous),
        .page(507, .unknown, .retryable),
        .page(511, .sender, .systemic, hint: "WHATSAPP_API_URL"),
        .page(200, .sender, .ambiguous, hint: "proxies"),
        // Required by the document that the system was asked for from: a bare 400 fails its message.
        .page(400, .unknown, .permanent, type: nil, body: ""),
        .page(400, .unknown, .permanent, type: "application/json", body: #"{"message":"bad"}"#),
        // The body is cut off, so the status counts.
        .page(400, .unknown, .permanent, type: "application/json", body: #"{"error":{"mess"#, isWhole: false),
        .page(400, .unknown, .permanent, type: "application/json", body: #"{"error":{"mess"#),
        .page(403, .sender, .systemic, hint: "proxies", type: "application/json", body: "{", isWhole: false),
        .page(429, .sender, .rateLimit, type: "application/json", body: "{", isWhole: false),
    ]

    @Test(arguments: codes + details + pages)
    func eachAnswerConcernsOneThing(_ example: Case) {
        let answer = WhatsAppChannel.answer(
            status: example.status,
            headers: HTTPHeaders(example.headers.map { ($0.key, $0.value) }),
            body: ByteBuffer(string: example.body),
            isWhole: example.isWhole
        )
        guard case .refused(let refusal) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(refusal.scope == example.scope)
        #expect(refusal.errorClass == example.errorClass)
        #expect(refusal.hint?.contains(example.hint) ?? example.hint.isEmpty, "\(refusal.hint ?? "no hint")")
    }

    /// A report has no status; its code and details decide alike.
    @Test(arguments: [
        (131042, "Payment issue", ErrorScope.account, MessageOutcome.Consequence.pausesRun),
        (132015, "Template is paused", .campaign, .holdsRun), (190, "expired", .sender, .pausesRun),
        (131050, "stopped", .recipient, .optOut), (131026, "undeliverable", .recipient, .none),
        (131049, "ecosystem", .recipient, .userCap), (131053, "media", .campaign, .counted),
        (132018, "Param text cannot have new-line/tab characters", .message, .none),
        (131048, "spam", .sender, .counted), (999_999, "news", .unknown, .counted),
        (131000, "something went wrong", .unknown, .counted),
    ])
    func aReportedFailureHasItsConsequence(
        code: Int,
        details: String,
        scope: ErrorScope,
        consequence: MessageOutcome.Consequence
    ) throws {
        let failure = WhatsAppChannel.failure(code: String(code), message: details)
        #expect(failure.scope == scope && failure.consequence == consequence)
        let body = """
            {"entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1001"},"statuses":[
            {"id":"wamid.1","status":"failed","timestamp":"1750030073","errors":[{"code":\(code),"title":"t",
            "error_data":{"details":"\(details)"}}]}]}}]}]}
            """
        let reports = try WhatsAppChannel.reports(in: body.utf8, receivedAt: Date())
        #expect(reports.statuses.first?.failure == failure)
    }

    @Test func everyCodeHasOneLine() {
        let codes = WhatsAppError.table.flatMap(\.codes)
        #expect(Set(codes).count == codes.count)
        #expect(WhatsAppError.parameterCodes.allSatisfy { WhatsAppError.line(of: $0) != nil })
    }

    /// `docs/delivery.md` shows the table.
    @Test func theDocumentShowsTheTable() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/delivery.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let parts = text.components(separatedBy: "<!-- codes -->\n")
        guard parts.count == 3 else {
            Issue.record("docs/delivery.md has no place for the table")
            return
        }
        if ProcessInfo.processInfo.environment["DOCUMENTS_RECORD"] == "1" {
            try [parts[0], WhatsAppError.document, parts[2]].joined(separator: "<!-- codes -->\n")
                .write(to: file, atomically: true, encoding: .utf8)
            return
        }
        #expect(parts[1] == WhatsAppError.document, "write docs/delivery.md anew with DOCUMENTS_RECORD=1")
    }
}

extension WhatsAppError {
    /// The table as Markdown.
    fileprivate static var document: String {
        let rows = table.map { line in
            "| \(line.codeText) | \(line.meaning) | \(line.scope) | \(line.effect) |\n"
        }
        return "| code | meaning | scope | what happens |\n|---|---|---|---|\n" + rows.joined()
    }

    private var codeText: String {
        let ranges = codes.reduce(into: [ClosedRange<Int>]()) { ranges, code in
            if let last = ranges.last, last.upperBound + 1 == code, codes.count > 10 || last.count > 5 {
                ranges[ranges.count - 1] = last.lowerBound...code
            } else {
                ranges.append(code...code)
            }
        }
        return ranges.map { $0.count > 1 ? "\($0.lowerBound)–\($0.upperBound)" : "\($0.lowerBound)" }
            .joined(separator: ", ")
    }

    private var effect: String {
        switch errorClass {
        case .rateLimit: "the lane pauses"
        case .pairRateLimit: "the lane pauses, or the recipient waits"
        case .retryable: "tried again"
        case .systemic: "the run pauses"
        case .optOut: "the message fails, and the contact is opted out of marketing"
        case .userCap: "the message fails, or waits and is tried again, as `onUserCap` says"
        case .ambiguous: "the message is unconfirmed"
        case .permanent:
            "the message fails" + (scope == .campaign || scope == .unknown ? "; alike in a row, the run pauses" : "")
        }
    }
}
