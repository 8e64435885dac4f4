import Foundation
import Hummingbird
import NIOCore

extension SimulatorResponder {
    /// How long a request waits for statuses or the ledger to catch up.
    private static let longestWait: Int64 = 1_000_000_000
    private static let decoder = JSONDecoder()

    func send(_ request: Request, phoneNumberID: String, isMarketing: Bool, context: SimulatorContext) async throws
        -> Response
    {
        let body = await body(of: request)
        let message: AdmittedMessage
        switch read(request, body: body, isMarketing: isMarketing) {
        case .success(let admitted): message = admitted
        case .failure(let refusal):
            desk.refuse(
                refusal.error,
                phoneNumberID: phoneNumberID,
                recipient: refusal.recipient,
                callbackData: refusal.callbackData
            )
            return Self.answer(refusal.error)
        }
        await waitWhileCrowded()
        let verdict = desk.decide(message, phoneNumberID: phoneNumberID)
        if verdict.latency > .zero {
            // Only a shutdown that waited long enough cancels this; the answer may then come early.
            try? await Task.sleep(for: verdict.latency)
        }
        return await answer(verdict.outcome, to: message, context: context)
    }

    private struct Refusal: Error {
        let error: GraphError
        var recipient = ""
        var callbackData: String?
    }

    /// The body, or `nil` when it is too long or the caller went away.
    private func body(of request: Request) async -> ByteBuffer? {
        // Both failures are answered with the same error, so their difference is not kept.
        try? await request.body.collect(upTo: Self.longestBody)
    }

    private func read(
        _ request: Request,
        body: ByteBuffer?,
        isMarketing: Bool
    ) -> Result<AdmittedMessage, Refusal> {
        if let error = refusal(of: request) { return .failure(Refusal(error: error)) }
        guard request.headers[.contentType]?.lowercased().hasPrefix("application/json") == true else {
            return .failure(Refusal(error: .wrongParameter("the content type must be application/json")))
        }
        guard let body else {
            return .failure(Refusal(error: .wrongParameter("the body is longer than \(Self.longestBody) bytes")))
        }
        let parsed: MessageRequest
        do {
            parsed = try Self.parse(body)
        } catch {
            return .failure(Refusal(error: .wrongParameter(DecodingReason.text(of: error))))
        }
        do throws(GraphError) {
            if isMarketing, parsed.type != "template" {
                throw GraphError(code: 134_100, details: "only templates can be sent here")
            }
            return .success(try parsed.validate(requiresPlus: configuration.requiresPlus))
        } catch {
            return .failure(
                Refusal(error: error, recipient: parsed.to ?? "", callbackData: parsed.biz_opaque_callback_data)
            )
        }
    }

    private static func parse(_ body: ByteBuffer) throws -> MessageRequest {
        if let request = body.withUnsafeReadableBytes({ JSONTree($0).flatMap(MessageRequest.init(_:)) }) {
            return request
        }
        return try decoder.decode(MessageRequest.self, from: Data(body.readableBytesView))
    }

    /// Slows the caller down instead of holding ever more statuses or lines in memory.
    private func waitWhileCrowded() async {
        guard queue.isCrowded || ledger?.isCrowded == true else { return }
        let end = MonotonicTime.now() + Self.longestWait
        while queue.isCrowded || ledger?.isCrowded == true, MonotonicTime.now() < end, !Task.isCancelled {
            // Cancellation ends the pause early, and then the loop's condition ends the loop.
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func answer(
        _ outcome: Verdict.Outcome,
        to message: AdmittedMessage,
        context: SimulatorContext
    ) async -> Response {
        switch outcome {
        case .accepted(let wamid): return Self.answer(Self.acceptance(of: message, wamid: wamid))
        case .rejected(let error): return Self.answer(error)
        case .unavailable(let status): return Self.page(status: status)
        case .lost(let wamid, let fault):
            switch fault.mode {
            case .garbled: return Self.answer(Array(Self.acceptance(of: message, wamid: wamid).prefix(40)))
            case .silent:
                // Only a shutdown that waited long enough cancels this.
                try? await Task.sleep(for: .seconds(fault.silentSeconds))
            case .close: break
            }
            // Closing a connection that the caller has already closed fails, which is as good.
            try? await context.channel.close()
            return Response(status: .noContent)
        }
    }

    private static func acceptance(of message: AdmittedMessage, wamid: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"messaging_product\":\"whatsapp\",\"contacts\":[{\"input\":")
        json.string(message.recipient.input)
        json.raw(message.recipient.kind == .user ? ",\"user_id\":" : ",\"wa_id\":")
        json.string(message.recipient.id)
        json.raw("}],\"messages\":[{\"id\":\"\(wamid)\"")
        if message.isTemplate { json.raw(",\"message_status\":\"accepted\"") }
        json.raw("}]}")
        return json.bytes
    }

    private static func page(status: Int) -> Response {
        Response(
            status: HTTPResponse.Status(code: status),
            headers: [.contentType: "text/html"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: "<html><body><h1>\(status)</h1></body></html>"))
        )
    }
}
