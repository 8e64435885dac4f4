import Foundation
import Hummingbird
import JSON
import NIOCore

/// Answers every request of the server; a switch instead of a router, because one route gets all the load.
struct SimulatorResponder: HTTPResponder {
    static let longestBody = 1 << 18

    let configuration: SimulatorConfiguration
    let admission: AdmissionControl
    let queue: WebhookQueue
    let ledger: Ledger?
    let management: Management
    let media = MediaStore()

    func respond(to request: Request, context: SimulatorContext) async throws -> Response {
        switch SimulatorRoute(method: request.method.rawValue, path: request.uri.path) {
        case .messages(let id):
            try await send(request, phoneNumberID: id, isMarketing: false, context: context)
        case .marketingMessages(let id):
            try await send(request, phoneNumberID: id, isMarketing: true, context: context)
        case .node(let id): try await node(id, request, context: context)
        case .upload(let id): try await upload(request, phoneNumberID: id, context: context)
        case .delete(let id): await delete(id, request, context: context)
        case .download(let id): download(id, request)
        case .rules: try document(admission.rules)
        case .setRules: try await setRules(request)
        case .inbound: try await inbound(request)
        case .preference: try await preference(request)
        case .event: try await event(request)
        case .summary: try document(admission.summary)
        case .faults: try document(admission.faults)
        case .setFaults: try await setFaults(request)
        case .setWebhook: try await setWebhook(request)
        case .recipient(let number): recipient(number)
        case .reset: reset()
        case .management: try await manage(request, context: context)
        case .control(let route): try await control(route, request)
        case .unknown:
            Self.answer(.unknownPath(request.uri.path))
        }
    }

    /// Returns the error for a request with a token that is not accepted; `nil` if the token is accepted.
    func refusal(of request: Request) -> GraphError? {
        guard let value = request.headers[.authorization] ?? Self.tokenOfQuery(request).map({ "Bearer \($0)" }) else {
            return .unauthorized("no access token")
        }
        guard let token = Self.token(value) else { return .unauthorized("not a bearer token") }
        guard configuration.acceptedTokens.isEmpty || configuration.acceptedTokens.contains(String(token)) else {
            return .unauthorized("unknown access token")
        }
        return nil
    }

    /// Returns the token of a request; guides of uploads call its scheme `OAuth`.
    static func token(of request: Request) -> String? {
        request.headers[.authorization].flatMap(token).map(String.init) ?? tokenOfQuery(request)
    }

    private static let schemes = ["Bearer ", "OAuth "]

    private static func token(_ value: String) -> Substring? {
        let scheme = schemes.first { value.hasPrefix($0) }
        let token = scheme.map { value.dropFirst($0.utf8.count) }
        return token?.isEmpty == false ? token : nil
    }

    private static func tokenOfQuery(_ request: Request) -> String? {
        guard let query = request.uri.query, query.contains("access_token=") else { return nil }
        return ManagementCall.parameters(query)["access_token"]
    }

    /// Makes an error in the shape of the real service.
    static func answer(_ error: GraphError) -> Response {
        var json = JSONWriter()
        json.raw("{\"error\":{\"message\":")
        json.string(error.message)
        json.raw(",\"type\":\"\(error.type)\",\"code\":\(error.code)")
        if let subcode = error.subcode { json.raw(",\"error_subcode\":\(subcode)") }
        if let title = error.userTitle {
            json.raw(",\"is_transient\":false,\"error_user_title\":")
            json.string(title)
            json.raw(",\"error_user_msg\":")
            json.string(error.userText ?? title)
        }
        if let details = error.details {
            json.raw(",\"error_data\":{\"messaging_product\":\"whatsapp\",\"details\":")
            json.string(details)
            json.raw("}")
        }
        json.raw(",\"fbtrace_id\":\"simulator\"}}")
        var response = answer(json.bytes, status: HTTPResponse.Status(code: error.status))
        if let seconds = error.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    static func answer(_ json: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=UTF-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json))
        )
    }
}

/// The route of a request, read from its method and path.
enum SimulatorRoute: Hashable, Sendable {
    case messages(phoneNumberID: String)
    case marketingMessages(phoneNumberID: String)
    /// A number, or a medium.
    case node(id: String)
    case upload(phoneNumberID: String)
    case delete(mediaID: String)
    case download(mediaID: String)
    case rules
    case setRules
    case inbound
    case preference
    case event
    case summary
    case faults
    case setFaults
    case setWebhook
    case recipient(String)
    case reset
    /// Templates, numbers, accounts and uploads.
    case management
    case control(SimulatorResponder.ManagementControlRoute)
    case unknown

    init(method: String, path: String) {
        var parts = path.split(separator: "/")
        if parts.first == "_simulator" {
            self = Self.control(method: method, parts: parts.dropFirst())
            return
        }
        if let first = parts.first, first.hasPrefix("v"), first.dropFirst().first?.isNumber == true {
            parts.removeFirst()
        }
        guard let id = parts.first, id.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), id.utf8.count <= 32 else {
            self = .management
            return
        }
        self =
            switch (method, parts.count, parts.last) {
            case ("POST", 2, "messages"): .messages(phoneNumberID: String(id))
            case ("POST", 2, "marketing_messages"): .marketingMessages(phoneNumberID: String(id))
            case ("POST", 2, "media"): .upload(phoneNumberID: String(id))
            case ("GET", 1, _): .node(id: String(id))
            case ("DELETE", 1, _): .delete(mediaID: String(id))
            default: .management
            }
    }

    private static func control(method: String, parts: ArraySlice<Substring>) -> SimulatorRoute {
        switch (method, parts.first, parts.count) {
        case ("GET", "summary", 1): .summary
        case ("GET", "faults", 1): .faults
        case ("PUT", "faults", 1): .setFaults
        case ("PUT", "webhook", 1): .setWebhook
        case ("POST", "reset", 1): .reset
        case ("GET", "rules", 1): .rules
        case ("PUT", "rules", 1): .setRules
        case ("POST", "inbound", 1): .inbound
        case ("POST", "preference", 1): .preference
        case ("POST", "event", 1): .event
        case ("GET", "media", 2): .download(mediaID: parts.last.map(String.init) ?? "")
        case ("GET", "recipients", 2): .recipient(parts.last.map(String.init) ?? "")
        default: SimulatorResponder.ManagementControlRoute(method: method, parts: parts).map(Self.control) ?? .unknown
        }
    }
}

/// The context of a request: its connection, which a lost answer closes.
struct SimulatorContext: InitializableFromSource, Sendable {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { channel = source.channel }
}

extension SimulatorResponder {
    /// The longest time that a request waits for statuses or the ledger to catch up.
    private static let longestWait: Int64 = 1_000_000_000

    func send(_ request: Request, phoneNumberID: String, isMarketing: Bool, context: SimulatorContext) async throws
        -> Response
    {
        let body = await body(of: request)
        let message: AdmittedMessage
        // A request that marks a message as read is answered here, and counts nowhere.
        switch read(request, body: body, phoneNumberID: phoneNumberID, isMarketing: isMarketing) {
        case .success(nil): return Self.answer(Array("{\"success\":true}".utf8))
        case .success(let admitted?): message = admitted
        case .failure(let refusal):
            admission.refuse(
                refusal.error,
                phoneNumberID: phoneNumberID,
                recipient: refusal.recipient,
                callbackData: refusal.callbackData
            )
            return Self.answer(refusal.error)
        }
        await waitWhileCrowded()
        let verdict = admission.decide(message, phoneNumberID: phoneNumberID)
        if verdict.latency > .zero {
            // This is cancelled only after the shutdown timeout; the answer may then come early.
            try? await Task.sleep(for: verdict.latency)
        }
        return await answer(verdict, to: message, context: context)
    }

    private struct Refusal: Error, CustomStringConvertible {
        let error: GraphError
        var description: String { error.description }
        var recipient = ""
        var callbackData: String?
    }

    /// Returns the body, or `nil` if it is too long or the caller closed the connection.
    private func body(of request: Request) async -> ByteBuffer? {
        // Both failures are answered with the same error, so their difference is not kept.
        try? await request.body.collect(upTo: Self.longestBody)
    }

    private func read(
        _ request: Request,
        body: ByteBuffer?,
        phoneNumberID: String,
        isMarketing: Bool
    ) -> Result<AdmittedMessage?, Refusal> {
        if let error = refusal(of: request) { return .failure(Refusal(error: error)) }
        guard configuration.knownNumbers.isEmpty || configuration.knownNumbers.contains(phoneNumberID) else {
            return .failure(Refusal(error: .unknownNumber(phoneNumberID)))
        }
        guard request.headers[.contentType]?.lowercased().hasPrefix("application/json") == true else {
            return .failure(Refusal(error: .wrongParameter("the content type must be application/json")))
        }
        guard let body else {
            return .failure(Refusal(error: .wrongParameter("the body is longer than \(Self.longestBody) bytes")))
        }
        let parsed: MessageRequest
        do throws(GraphError) {
            parsed = try Self.parse(body)
        } catch {
            return .failure(Refusal(error: error))
        }
        do throws(GraphError) {
            if isMarketing, parsed.type != "template", parsed.status == nil {
                throw GraphError(code: 134_100, details: "only templates can be sent here")
            }
            if let status = parsed.status {
                try parsed.validateMark(status)
                return .success(nil)
            }
            let rules = rules(for: parsed, phoneNumberID: phoneNumberID)
            if rules.checksMedia { try checkMedia(of: parsed, phoneNumberID: phoneNumberID) }
            return .success(
                try parsed.validate(
                    requiresPlus: configuration.requiresPlus,
                    rules: rules,
                    isMarketing: isMarketing
                )
            )
        } catch {
            return .failure(
                Refusal(error: error, recipient: parsed.to ?? "", callbackData: parsed.biz_opaque_callback_data)
            )
        }
    }

    private static func parse(_ body: ByteBuffer) throws(GraphError) -> MessageRequest {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw .wrongParameter(error.description)
        }
        return try MessageRequest(json)
    }

    /// Slows the caller down, so that statuses and lines in memory do not grow without limit.
    private func waitWhileCrowded() async {
        guard queue.isCrowded || ledger?.isCrowded == true else { return }
        let end = MonotonicTime.now() + Self.longestWait
        while queue.isCrowded || ledger?.isCrowded == true, MonotonicTime.now() < end, !Task.isCancelled {
            // Cancellation ends the pause early, and then the loop's condition ends the loop.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func answer(
        _ verdict: Verdict,
        to message: AdmittedMessage,
        context: SimulatorContext
    ) async -> Response {
        switch verdict.outcome {
        case .accepted(let wamid):
            return Self.answer(Self.acceptance(of: message, wamid: wamid, status: verdict.messageStatus))
        case .rejected(let error): return Self.answer(error)
        case .page(let page): return Self.page(page)
        case .lost(let wamid, let fault):
            switch fault.mode {
            case .garbled: return Self.answer(Array(Self.acceptance(of: message, wamid: wamid).prefix(40)))
            case .silent:
                // This is cancelled only after the shutdown timeout.
                try? await Task.sleep(for: .seconds(fault.silentSeconds))
            case .close: break
            }
            // Closing fails if the caller has already closed the connection, which is harmless.
            try? await context.channel.close()
            return Response(status: .noContent)
        }
    }

    private static func acceptance(
        of message: AdmittedMessage,
        wamid: String,
        status: String = "accepted"
    ) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"messaging_product\":\"whatsapp\",\"contacts\":[{\"input\":")
        json.string(message.recipient.input)
        json.raw(message.recipient.kind == .user ? ",\"user_id\":" : ",\"wa_id\":")
        json.string(message.waID)
        json.raw("}],\"messages\":[{\"id\":\"\(wamid)\"")
        if message.isTemplate {
            json.raw(",\"message_status\":")
            json.string(status)
        }
        json.raw("}]}")
        return json.bytes
    }

    static func page(_ page: SimulatorFaults.PageFault) -> Response {
        let body = page.body ?? "<html><body><h1>\(page.status)</h1></body></html>"
        var response = Response(
            status: HTTPResponse.Status(code: page.status),
            body: ResponseBody(byteBuffer: ByteBuffer(string: body))
        )
        if !page.contentType.isEmpty { response.headers[.contentType] = page.contentType }
        if let location = page.location { response.headers[.location] = location }
        if page.closes { response.headers[.connection] = "close" }
        return response
    }
}

extension SimulatorResponder {
    private struct WebhookSetting: Decodable {
        let url: String?

        private enum CodingKeys: String, CodingKey, CaseIterable { case url }

        init(from decoder: any Decoder) throws {
            url = try decoder.closedContainer(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .url)
        }
    }

    func document(_ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Self.answer(Array(try encoder.encode(value)))
    }

    func setFaults(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.longestBody)
        do {
            admission.faults = try SimulatorFaults(json: Data(body.readableBytesView))
        } catch {
            return try refused(error)
        }
        return try document(admission.faults)
    }

    func setWebhook(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.longestBody)
        do {
            let setting = try JSONDecoder().decode(WebhookSetting.self, from: Data(body.readableBytesView))
            try Simulator.setURL(setting.url, on: queue)
            return try document(["url": setting.url])
        } catch let error as SimulatorError {
            return try refused(error)
        } catch {
            return try refused(.unreadable(what: "the webhook address", reason: DecodingReason.text(of: error)))
        }
    }

    func recipient(_ number: String) -> Response {
        // A plus may come escaped, because some clients read it as a space.
        let plain = number.removingPercentEncoding ?? number
        guard let recipient = Recipient(to: plain, requiresPlus: false) ?? Recipient(id: plain, kind: .user) else {
            return Self.answer(GraphError(code: 100, status: 404, details: "'\(plain)' is not a recipient"))
        }
        var json = JSONWriter()
        json.raw("{\"accepted\":\(admission.acceptedCount(of: recipient)),\"recipient\":")
        json.string(plain)
        json.raw("}")
        return Self.answer(json.bytes)
    }

    func reset() -> Response {
        admission.reset()
        management.reset()
        return Self.answer(Array("{}".utf8))
    }

    func refused(_ error: SimulatorError) throws -> Response {
        var response = try document(["error": "\(error)"])
        response.status = .badRequest
        return response
    }
}
