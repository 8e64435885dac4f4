internal import CLibPQ
internal import Glibc

extension Wire {
    /// Starts `COPY … FROM STDIN`.
    func beginCopy(_ sql: String, within limit: Limit) throws(PostgresError) {
        if !queue.isEmpty { try flush(within: limit) }
        let handle = try unsafe handle()
        guard unsafe PQsendQuery(handle, sql) == 1 else {
            throw .misuse(Self.oneLine(unsafe String(cString: PQerrorMessage(handle))))
        }
        let result = try results(within: limit)
        guard result.status == PGRES_COPY_IN else { throw .misuse("the server did not start a COPY") }
    }

    /// Sends one piece and waits until the kernel has taken it, so that memory stays flat.
    func copy(_ chunk: [UInt8], within limit: Limit) throws(PostgresError) {
        let handle = try unsafe handle()
        let taken = unsafe chunk.withUnsafeBytes { bytes in
            unsafe PQputCopyData(handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        }
        guard taken == 1 else { throw unsafe lose(handle) }
        while unsafe PQflush(handle) == 1 {
            let events = Int16(POLLIN | POLLOUT)
            switch wait(unsafe PQsocket(handle), for: events, until: limit.deadline, cancellable: true) {
            // What comes in meanwhile, such as an early error, must be read or both sides would wait forever.
            case .ready: guard unsafe PQconsumeInput(handle) == 1 else { throw unsafe lose(handle) }
            case .broken: throw unsafe lose(handle)
            case .cancelled: throw .cancelled
            case .deadline: throw .timeout(limit.allowed)
            }
        }
        if unsafe PQstatus(handle) == CONNECTION_BAD { throw unsafe lose(handle) }
    }

    /// Ends the COPY, or has the server throw away what was sent when `failure` is given.
    func endCopy(failure: String?, within limit: Limit) throws(PostgresError) -> Int {
        let handle = try unsafe handle()
        guard unsafe PQputCopyEnd(handle, failure) == 1 else { throw unsafe lose(handle) }
        return try results(within: limit).affectedRows
    }
}
