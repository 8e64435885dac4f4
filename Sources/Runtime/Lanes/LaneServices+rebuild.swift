import Store

extension LaneServices {
    /// Puts all lanes of a quota group into Redis as Postgres knows them, under a new epoch.
    ///
    /// - Parameters:
    ///   - group: The quota group.
    ///   - epoch: The epoch that the caller knew; when it is no longer that, somebody else has done it.
    /// - Returns: The epoch that is in force now.
    /// - Throws: `RedisError` or `PostgresError`; whoever looks next begins again.
    func rebuildLanes(of group: String, from epoch: Int) async throws -> Int {
        let (redis, leases) = (redis, leases)
        return try await lanes.rebuild(group: group, from: epoch) { epoch, lanes in
            for lane in lanes {
                let queue = LaneQueue(redis: redis, quotaGroup: group, sender: lane.sender, leases: leases)
                try await queue.rebuild(lane, epoch: epoch)
                CrashPoint.rebuilding.reach()
            }
        }
    }
}
