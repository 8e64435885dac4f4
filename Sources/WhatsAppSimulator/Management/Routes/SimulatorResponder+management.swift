import Foundation
import Hummingbird
import JSON
import NIOCore

/// The calls of the management side: read, struck by faults, done, written to the ledger, and answered.
extension SimulatorResponder {
    /// Answers a path below the version that is no send.
    func manage(_ request: Request, context: SimulatorContext) async throws -> Response {
        let method = request.method.rawValue
        let (parts, version) = Self.parts(of: request.uri.path)
        if parts.first?.hasPrefix("upload:") == true || parts.count == 2 && parts[1] == "uploads" {
            return try await resume(request, parts: parts, version: version, context: context)
        }
        guard let route = ManagementRoute(method: method, parts: parts, hasVersion: version != nil) else {
            return Self.answer(.unknownPath(request.uri.path))
        }
        let body = try await request.body.collect(upTo: Self.longestBody)
        let text = String(buffer: body)
        let target = Self.target(of: request)
        let operation = route.operation(method)
        let host = request.head.authority ?? "\(configuration.host):\(configuration.port)"
        let json: JSONValue
        do throws(GraphError) {
            if let error = refusal(of: request) { throw error }
            json = try Self.parameters(text, type: request.headers[.contentType] ?? "")
        } catch {
            management.record(operation, method: method, target: target, body: text, answer: .failure(error))
            return Self.answer(error)
        }
        let call = ManagementCall(
            method: method,
            route: route,
            target: String(target.dropFirst(version.map { $0.utf8.count + 1 } ?? 0)),
            base: "http://\(host)" + (version.map { "/\($0)" } ?? ""),
            query: ManagementCall.parameters(request.uri.query ?? ""),
            body: json,
            bodyText: text,
            token: Self.token(of: request) ?? ""
        )
        let record = Recorded(operation: operation, method: method, target: target, body: text)
        return await struck(record, context: context) {
            let (answer, usage) = management.perform(call, host: host)
            var headers: [(String, String)] = [("facebook-api-version", version ?? "v23.0")]
            if let usage { headers.append(("x-business-use-case-usage", usage)) }
            return (answer, headers)
        }
    }

    /// The part of a ledger entry that is known before the answer.
    struct Recorded: Sendable {
        let operation: String
        let method: String
        let target: String
        let body: String
    }

    /// Does a call under the faults that are set, and writes it to the ledger.
    func struck(
        _ record: Recorded,
        context: SimulatorContext,
        _ perform: () -> (Result<JSONValue, GraphError>, headers: [(String, String)])
    ) async -> Response {
        let fault = management.strike(record.operation, text: "\(record.target) \(record.body)")
        let enter = { (answer: Result<JSONValue, GraphError>, isLost: Bool) in
            management.record(
                record.operation,
                method: record.method,
                target: record.target,
                body: record.body,
                answer: answer,
                isLost: isLost
            )
        }
        if let fault, fault.mode == .refuse || fault.mode == .drop {
            let error = GraphError(code: fault.code, subcode: fault.subcode, status: fault.status)
            enter(.failure(error), fault.mode == .drop)
            return fault.mode == .drop ? await close(context) : Self.answer(error)
        }
        // This is cancelled only after the shutdown timeout; the answer may then come early.
        if let fault, fault.mode == .delay { try? await Task.sleep(for: .seconds(fault.seconds)) }
        let (answer, headers) = perform()
        let isLost = fault?.mode == .lose || fault?.mode == .page
        enter(answer, isLost)
        switch fault?.mode {
        case .lose: return await close(context)
        case .page: return Self.page(SimulatorFaults.PageFault(status: fault?.status ?? 502))
        default: break
        }
        return Self.answer(answer, headers)
    }

    private static func answer(_ answer: Result<JSONValue, GraphError>, _ headers: [(String, String)]) -> Response {
        var response =
            switch answer {
            case .success(let json): Self.answer(Array(json.canonicalText.utf8))
            case .failure(let error): Self.answer(error)
            }
        for (name, value) in headers {
            if let name = HTTPFields.Element.Name(name) { response.headers[name] = value }
        }
        return response
    }

    private func close(_ context: SimulatorContext) async -> Response {
        // Closing fails if the caller has already closed the connection, which is harmless.
        try? await context.channel.close()
        return Response(status: .noContent)
    }

    /// Returns the path without its version, and the version; `nil` for none.
    static func parts(of path: String) -> (parts: [Substring], version: String?) {
        var parts = path.split(separator: "/")
        guard let first = parts.first, first.hasPrefix("v"), first.dropFirst().first?.isNumber == true else {
            return (parts, nil)
        }
        parts.removeFirst()
        return (parts, String(first))
    }

    /// Returns the path and the query as they came, without tokens.
    static func target(of request: Request) -> String {
        let pairs = (request.uri.query ?? "").split(separator: "&").filter {
            !$0.hasPrefix("access_token=") && !$0.hasPrefix("input_token=")
        }
        return request.uri.path + (pairs.isEmpty ? "" : "?\(pairs.joined(separator: "&"))")
    }

    /// Reads a body of JSON, or of a form; `null` if it is empty.
    private static func parameters(_ body: String, type: String) throws(GraphError) -> JSONValue {
        guard !body.isEmpty else { return .null }
        if type.lowercased().hasPrefix("application/x-www-form-urlencoded") {
            return .object(
                ManagementCall.parameters(body).mapValues { text in
                    // A value that is no JSON is a text.
                    (try? JSONValue(parsing: text)).flatMap { $0.fields != nil || $0.arrayValue != nil ? $0 : nil }
                        ?? .string(text)
                }
            )
        }
        do throws(JSONError) {
            return try JSONValue(parsing: body)
        } catch {
            throw .wrongParameter(error.description)
        }
    }
}
