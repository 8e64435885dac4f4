internal import CHiredis

extension RedisReply {
    /// Copies a reply out of hiredis; the caller still owns `reply`.
    init(_ reply: UnsafePointer<redisReply>) {
        let source = unsafe reply.pointee
        switch unsafe source.type {
        case REDIS_REPLY_INTEGER: self = unsafe .integer(Int(source.integer))
        case REDIS_REPLY_STRING: self = unsafe .string(Array(source.bytes))
        case REDIS_REPLY_STATUS: self = unsafe .status(String(decoding: source.bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR:
            self = unsafe .error(RedisServerError(message: String(decoding: source.bytes, as: UTF8.self)))
        case REDIS_REPLY_ARRAY: self = unsafe .array(Self.elements(of: source))
        default: self = .null
        }
    }

    private static func elements(of source: redisReply) -> [RedisReply] {
        var elements: [RedisReply] = []
        unsafe elements.reserveCapacity(source.elements)
        for index in unsafe 0..<source.elements {
            if let element = unsafe source.element[index] { unsafe elements.append(RedisReply(element)) }
        }
        return elements
    }
}

extension redisReply {
    fileprivate var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: str, count: len) }
}
