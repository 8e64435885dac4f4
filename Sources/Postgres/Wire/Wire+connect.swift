internal import CLibPQ
internal import Glibc

extension Wire {
    /// Opens the connection.
    func open(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        guard interrupt.descriptor >= 0 else { throw .connection("the process has no file descriptors left") }
        guard let handle = unsafe start(configuration.parameters) else { throw .connection("out of memory") }
        unsafe connection = unsafe handle
        if unsafe PQstatus(handle) == CONNECTION_BAD { throw unsafe lose(handle) }
        try unsafe negotiate(handle, until: deadline, configuration.connectTimeout)
        // Notices would go to stderr; nothing here depends on them.
        _ = unsafe PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard unsafe PQsetnonblocking(handle, 1) == 0 else { throw unsafe lose(handle) }
        status.update {
            $0.isOpen = true
            $0.processID = unsafe PQbackendPID(handle)
            $0.socket = unsafe PQsocket(handle)
        }
    }

    private func start(_ parameters: [(keyword: String, value: String)]) -> OpaquePointer? {
        let texts = unsafe parameters.flatMap { unsafe [strdup($0.keyword), strdup($0.value)] }
        defer { unsafe texts.forEach { unsafe free($0) } }
        var keywords: [UnsafePointer<CChar>?] = unsafe []
        var values: [UnsafePointer<CChar>?] = unsafe []
        for index in unsafe stride(from: 0, to: texts.count, by: 2) {
            unsafe keywords.append(texts[index].map { unsafe UnsafePointer($0) })
            unsafe values.append(texts[index + 1].map { unsafe UnsafePointer($0) })
        }
        unsafe keywords.append(nil)
        unsafe values.append(nil)
        return unsafe PQconnectStartParams(keywords, values, 1)
    }

    private func negotiate(
        _ handle: OpaquePointer,
        until deadline: ContinuousClock.Instant,
        _ limit: Duration
    ) throws(PostgresError) {
        var events = Int16(POLLOUT)
        while true {
            // The socket may be another after each step: libpq tries all addresses in turn.
            switch wait(unsafe PQsocket(handle), for: events, until: deadline, cancellable: true) {
            case .ready: break
            case .cancelled:
                abandon(.cancelled)
                throw .cancelled
            case .deadline: throw unsafe lose(handle, "the server did not answer within \(limit)")
            case .broken: throw unsafe lose(handle)
            }
            switch unsafe PQconnectPoll(handle) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: events = Int16(POLLIN)
            case PGRES_POLLING_WRITING: events = Int16(POLLOUT)
            default: throw unsafe lose(handle)
            }
        }
    }
}
