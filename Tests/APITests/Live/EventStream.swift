import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import API

/// A stream of events, as a browser reads it.
final class EventStream: Sendable {
    struct Event: Sendable {
        let id: String
        let name: String
        let data: JSONValue

        func items(_ kind: LiveKind) -> [JSONValue] { data[kind.rawValue]?.arrayValue ?? [] }

        func removed(_ kind: LiveKind) -> [String] {
            data["removed"]?[kind.rawValue]?.arrayValue?.compactMap(\.stringValue) ?? []
        }

        /// The run of a campaign, if the event has it.
        func run(_ campaign: String) -> JSONValue? { items(.runs).first { $0["campaign"]?.stringValue == campaign } }
    }

    private struct State {
        var events: [Event] = []
        var comments = 0
        var isOver = false
    }

    let status: Int
    let headers: HTTPHeaders
    private let state = Mutex(State())

    private init(status: Int, headers: HTTPHeaders) {
        (self.status, self.headers) = (status, headers)
    }

    var events: [Event] { state.withLock { $0.events } }
    /// Number of heartbeats.
    var comments: Int { state.withLock { $0.comments } }
    /// True once the server has ended the stream.
    var isOver: Bool { state.withLock { $0.isOver } }

    /// The state as a viewer would show it after all events: the parts of a kind by their key.
    func shown(_ kind: LiveKind) -> [String: JSONValue] {
        var shown: [String: JSONValue] = [:]
        for event in events {
            if event.name == "snapshot" { shown = [:] }
            for key in event.removed(kind) { shown[key] = nil }
            for item in event.items(kind) { shown[(item["id"] ?? item["code"])?.stringValue ?? ""] = item }
        }
        return shown
    }

    /// Opens a stream and reads it while `body` runs.
    static func with(
        _ api: APIFixture,
        token: String? = nil,
        after lastID: String? = nil,
        _ body: (EventStream) async throws -> Void
    ) async throws {
        var request = HTTPClientRequest(url: api.base + "/events")
        request.headers.add(name: "Authorization", value: "Bearer \(try token ?? TestToken.text())")
        if let lastID { request.headers.add(name: "Last-Event-ID", value: lastID) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let stream = EventStream(status: Int(response.status.code), headers: response.headers)
        try await withThrowingTaskGroup { group in
            group.addTask {
                // Ends with the stream, or with the test.
                try? await stream.read(response.body)
                stream.state.withLock { $0.isOver = true }
            }
            let result: Result<Void, any Error>
            do { result = .success(try await body(stream)) } catch { result = .failure(error) }
            group.cancelAll()
            try await group.waitForAll()
            try result.get()
        }
    }

    private func read(_ body: HTTPClientResponse.Body) async throws {
        var text = ""
        for try await part in body {
            text += String(buffer: part)
            while let end = text.firstRange(of: "\n\n") {
                take(String(text[..<end.lowerBound]))
                text = String(text[end.upperBound...])
            }
        }
    }

    private func take(_ block: String) {
        if block.hasPrefix(":") { return state.withLock { $0.comments += 1 } }
        var fields: [String: String] = [:]
        for line in block.split(separator: "\n") {
            guard let colon = line.firstRange(of: ": ") else { continue }
            fields[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
        }
        guard let id = fields["id"], let name = fields["event"], let data = fields["data"] else { return }
        let event = Event(id: id, name: name, data: (try? JSONValue(parsing: data)) ?? .null)
        let problems = Shape.object(LiveShapes.state).problems(of: event.data)
        #expect(problems.isEmpty, "\(problems) in \(data)")
        state.withLock { $0.events.append(event) }
    }
}

/// A clock that stands still until a test advances it.
final class ManualClock: Clock {
    typealias Duration = Swift.Duration

    struct Instant: InstantProtocol {
        let offset: Swift.Duration

        func advanced(by duration: Swift.Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Swift.Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var sleepers: [Int: (until: Instant, continuation: CheckedContinuation<Void, Never>)] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .zero }
    /// Number of tasks that sleep.
    var sleepers: Int { state.withLock { $0.sleepers.count } }

    func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let key = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if deadline <= state.now || Task.isCancelled { return true }
                    state.sleepers[key] = (deadline, continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: key)?.continuation }?.resume()
        }
        try Task.checkCancellation()
    }
}
