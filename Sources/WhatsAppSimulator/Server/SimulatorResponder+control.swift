import Foundation
import Hummingbird
import NIOCore

extension SimulatorResponder {
    private struct WebhookSetting: Decodable {
        let url: String?

        private enum CodingKeys: String, CodingKey, CaseIterable { case url }

        init(from decoder: any Decoder) throws {
            url = try decoder.closedContainer(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .url)
        }
    }

    func phoneNumber(_ id: String, _ request: Request) -> Response {
        if let error = refusal(of: request) { return Self.answer(error) }
        var json = JSONWriter()
        json.raw("{\"id\":")
        json.string(id)
        json.raw(",\"display_phone_number\":")
        json.string(configuration.displayPhoneNumber)
        json.raw(",\"quality_rating\":")
        json.string(configuration.qualityRating)
        json.raw(",\"whatsapp_business_manager_messaging_limit\":")
        json.string(configuration.messagingLimit)
        json.raw("}")
        return Self.answer(json.bytes)
    }

    func document(_ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Self.answer(Array(try encoder.encode(value)))
    }

    func setFaults(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: Self.longestBody)
        do {
            desk.faults = try SimulatorFaults(json: Data(body.readableBytesView))
        } catch {
            return try refused(error)
        }
        return try document(desk.faults)
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
        json.raw("{\"accepted\":\(desk.acceptedCount(of: recipient)),\"recipient\":")
        json.string(plain)
        json.raw("}")
        return Self.answer(json.bytes)
    }

    func reset() -> Response {
        desk.reset()
        return Self.answer(Array("{}".utf8))
    }

    private func refused(_ error: SimulatorError) throws -> Response {
        var response = try document(["error": "\(error)"])
        response.status = .badRequest
        return response
    }
}
