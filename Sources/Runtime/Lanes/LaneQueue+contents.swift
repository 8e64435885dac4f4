package import Foundation
package import Redis
import Store

extension LaneQueue {
    /// Replaces the contents of the lane after they were lost.
    func rebuild(_ lane: LaneRebuild, epoch: Int) async throws(RedisError) {
        var arguments: [RedisArgument] = [
            .integer(epoch), .integer(leases.flight.milliseconds), .integer(lane.pause.milliseconds),
            .integer(lane.quota.count),
        ]
        for bucket in lane.quota { arguments += [.text(bucket.hour), .integer(bucket.count)] }
        for held in lane.sending {
            arguments += [
                JobID.argument(held.messageID), .text(held.lease.map(String.init) ?? ""),
                .text(held.isBusinessInitiated ? lane.quota.last?.hour ?? "" : ""),
            ]
        }
        _ = try await redis.run(
            LaneScripts.rebuild,
            keys: [
                keys.epoch, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes, keys.pace, keys.outside,
                keys.outsideDelayed, keys.quota, keys.counts,
            ],
            arguments: arguments
        )
    }

    /// Ids that wait for the quota, the first in the line first.
    func waitingForQuota(limit: Int = LaneQueue.largestBatch) async throws(RedisError) -> [UUID] {
        let command = RedisCommand("ZRANGE", .text(keys.outside), "0", .integer(limit - 1))
        var messages: [UUID] = []
        for id in try await redis.send(command).asArray() {
            if let message = JobID.message(try id.asText()) { messages.append(message) }
        }
        return messages
    }

    /// Takes ids out of the line of those that wait for the quota.
    func withdraw(_ messages: [UUID]) async throws(RedisError) {
        guard !messages.isEmpty else { return }
        let ids = messages.map { JobID.argument($0) }
        _ = try await redis.send(RedisCommand("ZREM", arguments: [.text(keys.outside)] + ids))
    }

    /// The ids at the front of both lines: the next to go.
    package func front(deadline: ContinuousClock.Instant? = nil) async throws(RedisError) -> [UUID] {
        let lines = [keys.ready, keys.outside].map { RedisCommand("ZRANGE", .text($0), "0", "0") }
        var messages: [UUID] = []
        for reply in await redis.send(pipeline: lines, deadline: deadline) {
            for id in try reply.get().asArray() {
                if let message = JobID.message(try id.asText()) { messages.append(message) }
            }
        }
        return messages
    }

    /// How many ids are in the lane: ready, waiting for a retry, and held by somebody.
    package func depth(deadline: ContinuousClock.Instant? = nil) async throws(RedisError) -> LaneDepth {
        try LaneDepth(replies: await redis.send(pipeline: depthCommands, deadline: deadline)[...])
    }

    /// How many ids are in each of some lanes, in one round trip.
    static func depths(of lanes: [LaneQueue], on redis: RedisClient) async throws(RedisError) -> [LaneDepth] {
        let replies = await redis.send(pipeline: lanes.flatMap(\.depthCommands))
        var depths: [LaneDepth] = []
        for replies in replies.chunked(by: LaneDepth.commandCount) { depths.append(try LaneDepth(replies: replies)) }
        return depths
    }

    private var depthCommands: [RedisCommand] {
        let sets = [keys.ready, keys.outside, keys.delayed, keys.outsideDelayed, keys.leases]
        return [RedisCommand("GET", .text(keys.epoch))] + sets.map { RedisCommand("ZCARD", .text($0)) }
    }
}

/// What a lane holds.
package struct LaneDepth: Hashable, Sendable {
    /// `nil` when Redis has forgotten the lane's group.
    let epoch: Int?
    package let ready: Int
    package let delayed: Int
    package let held: Int

    var total: Int { ready + delayed + held }
}

extension LaneDepth {
    /// How many commands ask for one.
    fileprivate static let commandCount = 6

    fileprivate init(replies: ArraySlice<Result<RedisReply, RedisError>>) throws(RedisError) {
        func count(_ index: Int) throws(RedisError) -> Int { try replies[replies.startIndex + index].get().asInt() }
        self.init(
            epoch: try replies[replies.startIndex].get().asOptionalInt(),
            ready: try count(1) + count(2),
            delayed: try count(3) + count(4),
            held: try count(5)
        )
    }
}

extension LeaseEnding.Group {
    /// What stands before the ids of a group: lease, verb, delay in milliseconds, and line.
    var arguments: [RedisArgument] {
        let line: RedisArgument = isBusinessInitiated.map { $0 ? "out" : "in" } ?? ""
        let lease = RedisArgument.text(String(lease))
        return switch end {
        case .done: [lease, "done", "0", line]
        case .void: [lease, "void", "0", line]
        case .release: [lease, "release", "0", line]
        case .delay(let delay): [lease, "delay", .integer(delay.milliseconds), line]
        }
    }
}
