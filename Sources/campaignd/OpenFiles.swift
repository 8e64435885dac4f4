import Foundation

/// How many files this process may have open, sockets among them.
enum OpenFiles {
    /// More than a daemon needs that has the most messages in hand, and a bound for what lists all that could be open.
    private static let enough: rlim_t = 65_536

    /// Takes what the system gives to whoever asks: logins begin with 1,024, which requests under way alone may need.
    ///
    /// - Returns: How many may be open now.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let wanted = min(limit.rlim_max, enough)
        if limit.rlim_cur < wanted {
            let former = limit.rlim_cur
            limit.rlim_cur = wanted
            // Whoever is refused goes on with what there is.
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = former }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
